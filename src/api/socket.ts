import type { EventEmitter } from 'node:events';
import type { Body } from './body.ts';

/**
 * An open WebSocket of the `ws` package 8.x, on the server's side. What is used of it is written down here, because `ws` brings no
 * types: whoever embeds the hub need not install `@types/ws`.
 */
export interface ServerWebSocket extends EventEmitter {
  /** 1 while it is open. */
  readonly readyState: number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause?(): void;
  resume?(): void;
}

/** Sizes of the LZ77 window that zlib can do raw; 8 is not one of them (zlib uses 9 for it, which the peer could not read). */
export type WindowBits = 9 | 10 | 11 | 12 | 13 | 14 | 15;

/** What is written to a socket in one go: a whole small frame, or header and payload of one fragment. */
export type Piece = readonly Uint8Array[];

/** News of a socket. Each is called at most once per occurrence, never while `write` is running. */
export interface LinkListener {
  /** Nothing is unsent any more. */
  onDrain(): void;
  /** The peer answered the ping with this number: it has received all that was written before it. -1 for a pong without a number. */
  onPong(seq: number): void;
  /** The peer has pinged; the link has answered. */
  onPing(): void;
  onMessage(data: Uint8Array, isBinary: boolean): void;
  /** The socket's own code threw: it is gone; the last call. */
  onBroken(error: unknown): void;
  /** The socket is gone; the last call. */
  onClose(code: number, reason: string): void;
}

/** One socket, as the hub sees it. Only its adapters know whose socket it is. */
export interface Link {
  /** The window of permessage-deflate for what we send, where frames compressed for all may be written; see `sharedWindow`. */
  readonly deflateWindow?: WindowBits | undefined;
  /** Bytes handed over that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** Bytes that the kernel has taken since the link was made; grows only. */
  readonly takenBytes: number;
  /** Bytes that have come from the peer, frame headers and all; grows only. Undefined where the link cannot tell. */
  readonly readBytes?: number | undefined;
  /** Bytes that are held of a message that the peer has begun and not ended. Undefined where the link cannot tell. */
  readonly unfinishedBytes?: number | undefined;
  /**
   * Hands the bytes to the socket, all or nothing: they cannot be taken back. `body` is retained until the kernel has taken
   * them or the socket is gone. After a write that leaves `unsentBytes` at half the high-water mark or above, `onDrain` follows.
   */
  write(piece: Piece, body: Body | undefined): void;
  /** Gathers the writes of a visit into one system call. */
  cork(): void;
  uncork(): void;
  ping(seq: number): void;
  /** Reads no more, so that the peer can send no more, until `resumeReading`. What has been read may still be told. Default: reads on */
  pauseReading?(): void;
  resumeReading?(): void;
  /** A close frame, and the end of the socket once the peer has answered it. */
  close(code: number, reason: string): void;
  /** The end of the socket, now. */
  terminate(): void;
}

/** A WebSocket of the `ws` package, or a function that makes a link to some other kind of socket. */
export type AcceptedSocket = ServerWebSocket | ((listener: LinkListener) => Link);
