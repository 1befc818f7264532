/**
 * Counts the unfinished messages of clients, and what waits to be read or for the application. One connection holds at most one frame of the largest size, but ten thousand connections hold
 * ten thousand. None of them is charged, because a message is charged when it is complete.
 */
export class UnfinishedInput {
  readonly #limit: number;
  readonly #held = new Map<object, number>();
  #bytes = 0;

  /** @param limit bytes of all connections together */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes of all connections, as last reported. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False if all connections together hold too much and this one holds the average or more. So connections with small messages stay. */
  note(connection: object, bytes: number): boolean {
    this.forget(connection);
    if (bytes === 0) return true;
    this.#held.set(connection, bytes);
    this.#bytes += bytes;
    return this.#bytes <= this.#limit || bytes < this.#bytes / this.#held.size;
  }

  /** The connection has ended. */
  forget(connection: object): void {
    this.#bytes -= this.#held.get(connection) ?? 0;
    this.#held.delete(connection);
  }
}
