/**
 * What clients have begun to send and not ended. One connection holds a frame of the largest size at most; ten thousand of them hold ten
 * thousand, and pay for none, because a message is paid for when it is whole.
 */
export class UnfinishedInput {
  readonly #limit: number;
  readonly #held = new Map<object, number>();
  #bytes = 0;

  /** @param limit bytes of all connections together */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Of all connections, as they were found last. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False where all hold too much, and this one holds as much as the average or more: whose message is small stays. */
  note(connection: object, bytes: number): boolean {
    this.forget(connection);
    if (bytes === 0) return true;
    this.#held.set(connection, bytes);
    this.#bytes += bytes;
    return this.#bytes <= this.#limit || bytes < this.#bytes / this.#held.size;
  }

  /** It has ended. */
  forget(connection: object): void {
    this.#bytes -= this.#held.get(connection) ?? 0;
    this.#held.delete(connection);
  }
}
