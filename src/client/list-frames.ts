/** The limits of one frame, as the server's `hello` states them. */
export interface FrameLimits {
  /** Maximum entries of a list; undefined if it accepts none. */
  readonly list: number | undefined;
  readonly maxBytes: number;
}

/** A server may accept more; we need not believe every number. */
const MAX_LIST = 1_024;

/** Of an entry and the frame around it, in characters that are three bytes at most. */
const ENVELOPE = 64;

export function limitsOf(list: number | undefined, maxBytes = Infinity): FrameLimits {
  return { list: list && Math.min(MAX_LIST, Math.ceil(list)), maxBytes };
}

/** Whether a text of this many characters surely fits. */
export function fits(length: number, { maxBytes }: FrameLimits): boolean {
  return (length + ENVELOPE) * 3 <= maxBytes;
}

/** The JSON of entries as lists that each fit into one frame. */
export function* listsOf(entries: readonly string[], limits: FrameLimits): Generator<string> {
  let list: string[] = [];
  let length = 0;
  for (const entry of entries) {
    if (list.length > 0 && (list.length >= (limits.list ?? 1) || !fits(length + entry.length, limits))) {
      yield `[${list.join()}]`;
      list = [];
      length = 0;
    }
    list.push(entry);
    length += entry.length + 1;
  }
  if (list.length > 0) yield `[${list.join()}]`;
}
