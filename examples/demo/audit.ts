/** One message as the log has it, by its receipt. */
export interface Published {
  readonly offset: number;
  readonly id: string;
  /** SHA-256 of the message's JSON, hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** One message as a client got it. */
export type Received = Published;

/** How what a client got compares with what was published. */
export interface Verdict {
  readonly received: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly outOfOrder: number;
  /** Not the bytes, or not the id, that were published at that offset. */
  readonly damaged: number;
  readonly bytes: number;
}

/**
 * Checks one client's books: every message once, in order, byte for byte.
 *
 * @param said what overtakes, by its offset: it may be in the books, does not count, and is not missing where it is not
 */
export function audit(
  published: readonly Published[],
  received: readonly Received[],
  said: ReadonlyMap<number, Published> = new Map(),
): Verdict {
  const expected = new Map([...said, ...published.map((message) => [message.offset, message] as const)]);
  const seen = new Set<number>();
  let duplicates = 0;
  let outOfOrder = 0;
  let damaged = 0;
  let bytes = 0;
  let last = 0;
  for (const message of received) {
    const original = expected.get(message.offset);
    bytes += message.bytes;
    if (seen.has(message.offset)) {
      duplicates++;
      continue;
    }
    seen.add(message.offset);
    if (message.offset < last) outOfOrder++;
    last = Math.max(last, message.offset);
    if (original?.digest !== message.digest || original.id !== message.id) damaged++;
  }
  const missing = published.filter(({ offset }) => !seen.has(offset)).length;
  return {
    received: received.filter(({ offset }) => !said.has(offset)).length,
    duplicates,
    missing,
    outOfOrder,
    damaged,
    bytes,
  };
}

export function isExact(verdict: Verdict): boolean {
  return verdict.duplicates + verdict.missing + verdict.outOfOrder + verdict.damaged === 0;
}
