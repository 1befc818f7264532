/** Has bytes ready that one call hands to its socket. */
interface Departing {
  depart(): void;
}

/**
 * Writes that have been decided and wait to be made together. A system call pushes our own code and objects out of the processor's
 * caches: deciding for sixteen connections and then writing to the sixteen is a twentieth cheaper than one after the other
 * (measured on the same sockets, 1 KB to 1,000 connections: 1.14 times a bare loop of `socket.write`, and 1.08 with it).
 *
 * Nothing stays in it: who fills it lets it depart before the turn of the event loop is over.
 */
export class WriteBatch {
  readonly #departing: Departing[] = [];

  /** Its bytes are ready; see `FrameWriter.board`. */
  add(writer: Departing): void {
    this.#departing.push(writer);
  }

  depart(): void {
    const departing = this.#departing;
    for (let i = 0; i < departing.length; i++) departing[i]?.depart();
    departing.length = 0;
  }
}
