/** A reader of a thread's tail, and what it must not lose; see `LogSubscription.hold`. */
export interface TailReader {
  /** Entries after this offset must not be trimmed. Infinity holds nothing. */
  heldAfter: number;
}

/** The readers of one thread in this process. */
export class TailReaders<T extends TailReader> {
  /** Replaced, never changed. A thread has one reader nearly always, and a set of one would take 200 bytes of each thread. */
  #readers: readonly T[] = [];
  readonly #hold: (offset: number) => void;

  /** @param hold receives the offset after which no entry may be trimmed, for any reader */
  constructor(hold: (offset: number) => void) {
    this.#hold = hold;
  }

  get size(): number {
    return this.#readers.length;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#readers.values();
  }

  add(reader: T): void {
    if (!this.#readers.includes(reader)) this.#readers = [...this.#readers, reader];
  }

  hold(reader: T, offset: number): void {
    reader.heldAfter = offset;
    this.#holdLowest();
  }

  /** False if it has already left. */
  delete(reader: T): boolean {
    if (!this.#readers.includes(reader)) return false;
    this.#readers = this.#readers.filter((other) => other !== reader);
    this.#holdLowest();
    return true;
  }

  #holdLowest(): void {
    let lowest = Infinity;
    for (const { heldAfter } of this.#readers) lowest = Math.min(lowest, heldAfter);
    this.#hold(lowest);
  }
}
