import type { Link, Piece } from '../../api/socket.ts';

/** One write of a batch: a socket, and bytes that the writes to other sockets may share. */
export interface BatchedWrite {
  readonly link: Link;
  /** Undefined when there is nothing left to write: a later write included the bytes, or the connection has ended. */
  readonly boarded: Piece | undefined;
  /** Hands the bytes to the link. */
  depart(): void;
  /** A sender has handed the bytes to the socket itself. */
  departed(): void;
}

/** Hands a batch of writes to their sockets. Replace it with a sender that needs fewer than one system call for each write. */
export interface BatchSender {
  /** Calls `depart` or `departed` of each write, in order; never throws. The caller reuses the list afterwards. */
  send(writes: readonly BatchedWrite[]): void;
}

/** The default: each link makes its own system call. */
export const inlineSender: BatchSender = {
  send(writes) {
    for (let i = 0; i < writes.length; i++) writes[i]?.depart();
  },
};

/**
 * Writes that are decided and wait to be made together: the only place where the bytes of a fan-out's visits leave. A system call evicts
 * our own code and objects from the processor's caches. So deciding for sixteen connections first, and then writing to the sixteen, costs a
 * twentieth less (measured on the same sockets, 1 KB to 1,000 connections: 1.14 times a bare loop of `socket.write` without it, 1.08 with
 * it).
 *
 * It holds nothing between turns: the fan-out that fills it empties it before the turn of the event loop is over.
 */
export class WriteBatch {
  readonly #writes: BatchedWrite[] = [];
  readonly #sender: BatchSender;

  constructor(sender: BatchSender = inlineSender) {
    this.#sender = sender;
  }

  /** The bytes of this write are ready; see `FrameWriter.board`. */
  add(write: BatchedWrite): void {
    this.#writes.push(write);
  }

  depart(): void {
    if (this.#writes.length === 0) return;
    this.#sender.send(this.#writes);
    this.#writes.length = 0;
  }
}
