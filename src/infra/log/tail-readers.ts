/** Somebody who reads a thread's tail, and what it must not lose; see `LogSubscription.hold`. */
export interface TailReader {
  /** Nothing after this offset may be trimmed. Infinity holds nothing. */
  heldAfter: number;
}

/** Those who read one thread in this process. */
export class TailReaders<T extends TailReader> {
  readonly #readers = new Set<T>();
  readonly #hold: (offset: number) => void;

  /** @param hold nothing after this offset may be trimmed, for any of them */
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

  /** False where it has left already. */
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
