import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { takenBytesOf } from './taken-bytes.ts';
import type { Body } from '../../api/body.ts';
import { sharedWindow } from '../wire/deflate.ts';
import { SocketFailedError, UnsupportedSocketError } from '../errors.ts';
import { hasErrorBoundary, ownerOf, setErrorBoundary, type BoundaryOwner } from './error-boundary.ts';
import { unfinishedIn } from './unfinished-bytes.ts';
import { encodePong, pingPiece } from '../wire/frames.ts';
import type { Link, LinkListener, Piece, ServerWebSocket, WindowBits } from '../../api/socket.ts';

/** `readyState` of an open WebSocket. */
export const OPEN = 1;

/** Bytes of pings that a client may send without reading the answers, if we do not write these answers. */
const MAX_PONG_BYTES = 64 * 1024;

/** The link of a socket that only the event loop writes to. */
export class SocketLink implements Link, BoundaryOwner {
  protected readonly socket: Socket;
  protected readonly webSocket: ServerWebSocket;
  protected readonly listener: LinkListener;
  readonly #answersPings: boolean;
  /** The answer to the newest ping of a client that has not read earlier data. */
  #owedPong: Uint8Array | undefined;
  #unreadPongBytes = 0;
  /** Bytes read when the last message was complete. */
  #wholeBytes = 0;
  #isClosed = false;

  constructor(webSocket: ServerWebSocket, socket: Socket, listener: LinkListener) {
    this.webSocket = webSocket;
    this.socket = socket;
    this.listener = listener;
    // another copy of this library may also have accepted it
    if (hasErrorBoundary(webSocket)) throw new UnsupportedSocketError({ reason: 'it has been accepted before' });
    this.#answersPings = takePongs(webSocket);
    setErrorBoundary(webSocket, socket, this);
    socket.setNoDelay(true);
    socket.on('drain', onDrain);
    webSocket.on('ping', onPing);
    webSocket.on('pong', onPong);
    webSocket.on('message', onMessage);
    webSocket.on('error', ignore);
    webSocket.on('close', onClose);
  }

  get deflateWindow(): WindowBits | undefined {
    return sharedWindow(deflateParametersOf(this.webSocket));
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  get takenBytes(): number {
    return takenBytesOf(this.socket);
  }

  get readBytes(): number {
    return this.socket.bytesRead;
  }

  /** Includes other data read since the message began: a fragment of one byte holds everything that came in the same chunk. */
  get unfinishedBytes(): number {
    const { ofFrame = 0, ofFragments = 0 } = unfinishedIn(this.webSocket) ?? {};
    if (ofFragments > 0) return Math.max(ofFrame + ofFragments, this.socket.bytesRead - this.#wholeBytes);
    this.#wholeBytes = this.socket.bytesRead;
    return ofFrame;
  }

  write(piece: Piece, body: Body | undefined): void {
    const last = piece.length - 1;
    if (last > 0) this.socket.cork();
    for (let i = 0; i < last; i++) this.socket.write(piece[i] ?? EMPTY);
    const end = piece[last] ?? EMPTY;
    if (body === undefined) {
      this.socket.write(end);
    } else {
      body.retain();
      // always called: when the kernel has taken the bytes, or with an error when the socket is destroyed
      this.socket.write(end, () => body.release());
    }
    if (last > 0) this.socket.uncork();
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  ping(seq: number): void {
    // one buffer: `ws` would use two and a `writev` of them, which costs twice as much
    if (this.webSocket.readyState === OPEN) this.writePing(pingPiece(seq));
  }

  /** Many connections are pinged with the same number. */
  protected writePing([ping = EMPTY]: Piece): void {
    this.socket.write(ping);
  }

  pauseReading(): void {
    this.webSocket.pause?.();
  }

  resumeReading(): void {
    this.webSocket.resume?.();
  }

  close(code: number, reason: string): void {
    if (this.webSocket.readyState === OPEN) this.webSocket.close(code, reason);
  }

  terminate(): void {
    this.webSocket.terminate();
  }

  // --- news of the socket

  drained(): void {
    this.#unreadPongBytes = 0;
    this.#payPong();
    if (!this.#isClosed) this.listener.onDrain();
  }

  /**
   * Of several pings that are read together, or come while the client does not read, only the newest is answered (RFC 6455 section 5.5.3
   * allows that). Otherwise a client could make us write, or hold, an unlimited number of answers.
   */
  pinged(data: Buffer): void {
    this.#answer(data);
    this.listener.onPing();
  }

  #answer(data: Buffer): void {
    const isRead = !this.socket.writableNeedDrain;
    if (!this.#answersPings) {
      this.#unreadPongBytes += isRead ? 0 : data.length;
      if (this.#unreadPongBytes > MAX_PONG_BYTES) this.terminate();
      return;
    }
    const isFirst = this.#owedPong === undefined;
    this.#owedPong = encodePong(data);
    if (isRead && isFirst) queueMicrotask(() => this.#payPong());
  }

  /** Answers once for all pings that were read together. */
  #payPong(): void {
    const pong = this.#owedPong;
    if (pong === undefined || this.socket.writableNeedDrain) return;
    this.#owedPong = undefined;
    if (this.webSocket.readyState === OPEN) this.socket.write(pong);
  }

  ponged(data: Buffer): void {
    const seq = Number(data.toString('latin1'));
    this.listener.onPong(data.length > 0 && Number.isSafeInteger(seq) ? seq : -1);
  }

  received(data: unknown, isBinary: boolean): void {
    this.#wholeBytes = this.socket.bytesRead;
    this.listener.onMessage(toBytes(data), isBinary);
  }

  closed(code: number, reason: Buffer): void {
    if (!this.#detach()) return;
    this.listener.onClose(code, reason.toString());
  }

  // --- BoundaryOwner

  failed(error: unknown): void {
    this.socket.destroy();
    if (this.#detach()) this.listener.onBroken(new SocketFailedError({ cause: error }));
  }

  /** False if it has already ended. */
  #detach(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#owedPong = undefined;
    this.socket.off('drain', onDrain);
    this.webSocket.off('ping', onPing).off('pong', onPong).off('message', onMessage).off('close', onClose);
    return true;
  }
}

/** The owner of a socket is its link: listeners that all links share cost nothing for each of them. */
export function linkOf(carrier: EventEmitter): SocketLink | undefined {
  const link = ownerOf(carrier);
  return link instanceof SocketLink ? link : undefined;
}

function onDrain(this: Socket): void {
  linkOf(this)?.drained();
}

function onPing(this: ServerWebSocket, data: Buffer): void {
  linkOf(this)?.pinged(data);
}

function onPong(this: ServerWebSocket, data: Buffer): void {
  linkOf(this)?.ponged(data);
}

function onMessage(this: ServerWebSocket, data: unknown, isBinary: boolean): void {
  linkOf(this)?.received(data, isBinary);
}

function onClose(this: ServerWebSocket, code: number, reason: Buffer): void {
  linkOf(this)?.closed(code, reason);
}

const EMPTY = new Uint8Array(0);

/** `ws` reports every failure again as a close; without a listener, an error event would end the process. */
export function ignore(): void {}

/** Makes `ws` leave the answers to pings to us; false if this version does not allow that, or if the application answers them. */
function takePongs(webSocket: ServerWebSocket): boolean {
  if (Reflect.get(webSocket, '_autoPong') !== true || !Reflect.set(webSocket, '_autoPong', false)) return false;
  // `ws` makes a closure for each WebSocket, a hundred bytes, for answers that it no longer writes
  if (typeof Reflect.get(webSocket, '_autoPongComplete') === 'function') {
    Reflect.set(webSocket, '_autoPongComplete', ignore);
  }
  return true;
}

/** `ws` does not publish the negotiated parameters either; if they cannot be read, frames are plain. */
function deflateParametersOf(webSocket: ServerWebSocket): unknown {
  const extensions: unknown = Reflect.get(webSocket, '_extensions');
  if (typeof extensions !== 'object' || extensions === null) return undefined;
  const deflate: unknown = Reflect.get(extensions, 'permessage-deflate');
  return typeof deflate === 'object' && deflate !== null ? Reflect.get(deflate, 'params') : undefined;
}

function toBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (Array.isArray(data)) return Buffer.concat(data.filter((part) => part instanceof Uint8Array));
  return EMPTY;
}
