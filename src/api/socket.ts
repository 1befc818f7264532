import type { EventEmitter } from 'node:events';
import type { Body } from './body.ts';

/**
 * An open WebSocket of the `ws` package 8.x, on the server's side. The used members are declared here, because `ws` has no types of its
 * own: an application need not install `@types/ws`.
 */
export interface ServerWebSocket extends EventEmitter {
  /** 1 while it is open. */
  readonly readyState: number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause?(): void;
  resume?(): void;
}

/** Sizes of the LZ77 window that raw zlib supports; 8 is not one of them (zlib uses 9 for it, which the client could not read). */
export type WindowBits = 9 | 10 | 11 | 12 | 13 | 14 | 15;

/** What is written to a socket in one go: a whole small frame, or header and payload of one fragment. */
export type Piece = readonly Uint8Array[];

/** Events of a socket. Each is called at most once per occurrence, never while `write` is running. */
export interface LinkListener {
  /** All bytes have been sent. */
  onDrain(): void;
  /** What was in the air has landed, after the link was asked `isFlying`. */
  onLanding?(): void;
  /** The client answered the ping with this number: it has received everything written before it. -1 for a pong without a number. */
  onPong(seq: number): void;
  /** The client has pinged; the link has answered. */
  onPing(): void;
  onMessage(data: Uint8Array, isBinary: boolean): void;
  /** The socket's own code threw: the socket is gone. This is the last call. */
  onBroken(error: unknown): void;
  /** The socket is gone. This is the last call. */
  onClose(code: number, reason: string): void;
}

/** One socket, as the hub sees it. Only its adapter knows the kind of socket. */
export interface Link {
  /** The window of permessage-deflate for sent messages, if frames compressed for all connections may be written; see `sharedWindow`. */
  readonly deflateWindow?: WindowBits | undefined;
  /** Bytes handed over that the kernel has not taken yet, except those in the air; see `fly`. */
  readonly unsentBytes: number;
  /**
   * The socket is gone, and what is written to it goes nowhere: nothing is written until `onClose`. A write may have found that out.
   * @default never before `onClose`
   */
  readonly isClosed?: boolean | undefined;
  /** Bytes that the kernel has taken since the link was created; only grows. */
  readonly takenBytes: number;
  /** Bytes that came from the client, including frame headers; only grows. Undefined if the link cannot tell. */
  readonly readBytes?: number | undefined;
  /** Bytes held of a message that the client has begun and not finished. Undefined if the link cannot tell. */
  readonly unfinishedBytes?: number | undefined;
  /**
   * Hands the bytes to the socket, all or nothing: they cannot be taken back. `body` is retained until the kernel has taken them or the
   * socket is gone. After a write that leaves `unsentBytes` at half the high-water mark or above, `onDrain` follows.
   */
  write(piece: Piece, body: Body | undefined): void;
  /**
   * Hands bytes that other links also get to a sender beside the event loop; false if that is not possible now: write them instead.
   * @default there is no sender
   */
  fly?(piece: Piece): boolean;
  /** Whether its last flight has not landed; if so, `onLanding` follows. The socket holds what is written meanwhile, in order. */
  isFlying?(): boolean;
  /** Gathers the writes of a visit into one system call. */
  cork(): void;
  uncork(): void;
  /**
   * Asks the client to answer, or only watches what was written before: see `confirmsReceipt`. `onPong` follows.
   */
  ping(seq: number): void;
  /**
   * False if `onPong` says only that the kernel has taken everything written before the ping, because this kind of socket has no pings.
   * @default true: the client has received it
   */
  readonly confirmsReceipt?: boolean | undefined;
  /**
   * Stops reading until `resumeReading`, so that the client can send no more. Data that was already read may still be reported. @default
   * reads on
   */
  pauseReading?(): void;
  resumeReading?(): void;
  /** Sends a close frame, and ends the socket once the client has answered it. */
  close(code: number, reason: string): void;
  /** Ends the socket now. */
  terminate(): void;
}

/** A WebSocket of the `ws` package, or a function that makes a link to another kind of socket. */
export type AcceptedSocket = ServerWebSocket | ((listener: LinkListener) => Link);
