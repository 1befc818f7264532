/** What the log has taken, for all nodes and lives, and what was found wrong. */
export class Ledger {
  readonly violations: string[] = [];
  /** Deliveries that were compared with the log. */
  deliveries = 0;
  readonly seen = new Map<string, number>();
  readonly #threads = new Map<string, Map<string, Logged[]>>();
  /** Epoch that a thread has now. */
  readonly #epochs = new Map<string, string>();
  /** Offsets of a message's entries by epoch, by its number. */
  readonly #byNumber = new Map<number, Map<string, number>>();
  readonly #maxEntries: number;

  /** @param maxEntries of the log: an id is known as long as its entry is held */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  complain(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }

  note(event: string): void {
    this.seen.set(event, (this.seen.get(event) ?? 0) + 1);
  }

  logged(threadId: string, epoch: string, entry: Logged): void {
    const epochs = this.#threads.get(threadId) ?? new Map<string, Logged[]>();
    this.#threads.set(threadId, epochs);
    const entries = epochs.get(epoch) ?? [];
    epochs.set(epoch, entries);
    if (entries.length + 1 !== entry.offset)
      this.complain(`${threadId}: offset ${entry.offset} after ${entries.length}`);
    entries.push(entry);
    this.#epochs.set(threadId, epoch);
    const offsets = this.#byNumber.get(entry.number) ?? new Map<string, number>();
    this.#byNumber.set(entry.number, offsets);
    const before = offsets.get(epoch) ?? -Infinity;
    // the library's own mark of an aborted stream has no number
    const isMark = Number.isNaN(entry.number);
    if (!isMark && before > entry.offset - this.#maxEntries)
      this.complain(`${threadId}: message ${entry.number} is logged twice`);
    offsets.set(epoch, entry.offset);
  }

  /** The log is lost: threads begin anew. */
  begin(): void {
    this.#epochs.clear();
  }

  at(threadId: string, epoch: string, offset: number): Logged | undefined {
    return this.#threads.get(threadId)?.get(epoch)?.[offset - 1];
  }

  /**
   * The newest entry's place; nothing where the thread has none.
   * @param until of those that were logged until then
   */
  head(threadId: string, until = Infinity): { readonly epoch: string; readonly offset: number } | undefined {
    const epoch = this.#epochs.get(threadId);
    if (epoch === undefined) return undefined;
    const entries = this.#threads.get(threadId)?.get(epoch) ?? [];
    return { epoch, offset: entries.findLastIndex(({ at }) => at <= until) + 1 };
  }

  hasNumber(number: number): boolean {
    return this.#byNumber.has(number);
  }
}

export interface Logged {
  readonly offset: number;
  /** On the network's clock. */
  readonly at: number;
  readonly id: string;
  /** The message's own, unique in a schedule. */
  readonly number: number;
}

/** `{ n }` of a message; NaN where it is none of ours. */
export function numberOf(data: unknown): number {
  return typeof data === 'object' && data !== null && 'n' in data && typeof data.n === 'number' ? data.n : NaN;
}
