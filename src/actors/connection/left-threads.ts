/** How far a connection has read the threads that it has left: a join that reads them again is paid for, a first one is not. */
export class LeftThreads {
  readonly #limit: number;
  readonly #read = new Map<string, { readonly epoch: string; readonly offset: number }>();
  #hasForgotten = false;

  /** @param limit threads that it remembers; beyond that, every join counts as one that reads again */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The connection leaves a thread. It has read entries up to this offset. */
  note(threadId: string, epoch: string, offset: number): void {
    if (this.#read.size < this.#limit) this.#read.set(threadId, { epoch, offset });
    else this.#hasForgotten = true;
  }

  /** The connection is back in the thread: the offset up to which it reads again, 0 if it has not read this life of the log. */
  take(threadId: string, epoch: string): number {
    const read = this.#read.get(threadId);
    if (read === undefined) return this.#hasForgotten ? Infinity : 0;
    this.#read.delete(threadId);
    return read.epoch === epoch ? read.offset : 0;
  }
}
