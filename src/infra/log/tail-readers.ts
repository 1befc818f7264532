/** A reader of a thread's tail, and what it must not lose; see `LogSubscription.hold`. */
export interface TailReader {
  /** Entries after this offset must not be trimmed. Infinity holds nothing. */
  heldAfter: number;
}

/** The readers of one thread in this process. */
export class TailReaders<T extends TailReader> {
  readonly #readers = new Set<T>();
  readonly #hold: (offset: number) => void;

  /** @param hold receives the offset after which no entry may be trimmed, for any reader */
  constructor(hold: (offset: number) => void) {
    this.#hold = hold;
  }

  get size(): number {
    return this.#readers.size;
  }

  [Symbol.iterator](): SetIterator<T> {
    return this.#readers.values();
  }

  add(reader: T): void {
    this.#readers.add(reader);
  }

  hold(reader: T, offset: number): void {
    reader.heldAfter = offset;
    this.#holdLowest();
  }

  /** False if it has already left. */
  delete(reader: T): boolean {
    if (!this.#readers.delete(reader)) return false;
    this.#holdLowest();
    return true;
  }

  #holdLowest(): void {
    let lowest = Infinity;
    for (const { heldAfter } of this.#readers) lowest = Math.min(lowest, heldAfter);
    this.#hold(lowest);
  }
}
