import type { Body } from '../log/shared-body.ts';
import type { WindowBits } from '../wire/deflate.ts';
import type { Piece } from '../wire/frames.ts';

/** News of a socket. Each is called at most once per occurrence, never while `write` is running. */
export interface LinkListener {
  /** Nothing is unsent any more. */
  onDrain(): void;
  /** The peer answered the ping with this number: it has received all that was written before it. */
  onPong(seq: number): void;
  onMessage(data: Uint8Array, isBinary: boolean): void;
  /** The socket is gone; the last call. */
  onClose(code: number, reason: string): void;
}

/** One socket, as the engine sees it. Only its adapters know whose socket it is. */
export interface Link {
  /** The window of permessage-deflate for what we send, where frames compressed for all may be written; see `sharedWindow`. */
  readonly deflateWindow?: WindowBits | undefined;
  /** Bytes handed over that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** Bytes that the kernel has taken since the link was made; grows only. */
  readonly takenBytes: number;
  /**
   * Hands the bytes to the socket, all or nothing: they cannot be taken back. `body` is retained until the kernel has taken
   * them or the socket is gone. After a write that leaves `unsentBytes` at half the high-water mark or above, `onDrain` follows.
   */
  write(piece: Piece, body: Body | undefined): void;
  /** Gathers the writes of a visit into one system call. */
  cork(): void;
  uncork(): void;
  ping(seq: number): void;
  /** A close frame, and the end of the socket once the peer has answered it. */
  close(code: number, reason: string): void;
  /** The end of the socket, now. */
  terminate(): void;
}
