import type { Logged } from '../logged.ts';

/** Where a thread's log ends. */
export interface Head {
  readonly epoch: string;
  readonly offset: number;
  readonly id: string;
}

/**
 * The histories of threads whose log may be lost, or restored from the past, while processes and clients still have what came after: one epoch and
 * offset may then mean one message after the other. Each entry knows the one before it.
 */
export class Branches {
  readonly #entries = new Map<string, Logged[]>();
  readonly #numbers = new Map<string, Logged[]>();
  readonly #headOf: (threadId: string) => Head | undefined;

  constructor(headOf: (threadId: string) => Head | undefined) {
    this.#headOf = headOf;
  }

  add(threadId: string, epoch: string, entry: Logged): void {
    append(this.#entries, `${threadId} ${epoch} ${entry.offset}`, entry);
    append(this.#numbers, threadId, entry);
  }

  /** The entry with this id, or the newest one at this place. */
  at(threadId: string, epoch: string, offset: number, id?: string): Logged | undefined {
    const all = this.#entries.get(`${threadId} ${epoch} ${offset}`);
    return (id === undefined ? undefined : all?.findLast((one) => one.id === id)) ?? all?.at(-1);
  }

  all(threadId: string): readonly Logged[] {
    return this.#numbers.get(threadId) ?? [];
  }

  head(threadId: string): { readonly epoch: string; readonly entry: Logged | undefined } | undefined {
    const head = this.#headOf(threadId);
    return head && { epoch: head.epoch, entry: this.at(threadId, head.epoch, head.offset, head.id) };
  }

  /** What the log has now, oldest first. */
  now(threadId: string): readonly Logged[] {
    const line: Logged[] = [];
    for (let entry = this.head(threadId)?.entry; entry !== undefined; entry = entry.previous) line.push(entry);
    return line.toReversed();
  }
}

function append(map: Map<string, Logged[]>, key: string, entry: Logged): void {
  const all = map.get(key) ?? [];
  map.set(key, all);
  all.push(entry);
}
