import { Socket } from 'node:net';
import { GONE, INLINE, LANDED, type Flight, type Passenger } from '../native/flight.ts';
import type { NativeSender } from '../native/native-sender.ts';
import { fdOf } from './descriptor.ts';
import { linkOf, SocketLink } from './socket-link.ts';
import type { LinkListener, Piece, ServerWebSocket } from '../../api/socket.ts';

/**
 * Of a plain TCP socket that a sender beside the event loop may write to. Both write to one connection, so only one of them does at a time: while bytes are
 * in the air, a gate holds what anybody writes to Node's socket (a pong, a close frame, the application); and nothing flies while something
 * waits in there. The rest of what the kernel did not take goes through Node's socket, which reports errors and drains as ever.
 */
export class FlyingLink extends SocketLink implements Passenger {
  readonly #sender: NativeSender;
  #slot = INLINE;
  /** The last one. */
  #flight: Flight = LANDED;
  /** Handed to the sender, less what it gave back. */
  #flownBytes = 0;
  /** Rests that were written past the stream of Node's socket and wait in its handle. */
  #restBytes = 0;
  /** Something may wait in Node's socket. */
  #isTouched = true;
  #isGated = false;
  #isGone = false;
  /** The landing calls `onLanded`. */
  #isWaiting = false;
  /** The listener is to have `onLanding`. */
  #isAwaited = false;
  /** What was written to Node's socket while bytes were in the air. A stream makes one write at a time. */
  #held: (() => void) | undefined;

  constructor(webSocket: ServerWebSocket, socket: Socket, listener: LinkListener, sender: NativeSender) {
    super(webSocket, socket, listener);
    this.#sender = sender;
    sender.reserve.onAccepted(fdOf(socket) ?? -1);
  }

  /** Without what is in the air: the kernel has not refused that, so it says nothing of the peer. */
  override get unsentBytes(): number {
    return this.#restBytes + (this.#isTouched ? this.socket.writableLength : 0);
  }

  override get takenBytes(): number {
    return super.takenBytes + this.#flownBytes - this.#inAirBytes;
  }

  fly(piece: Piece): boolean {
    if (!this.#flight.isLanded || (this.#isTouched && !this.#isFree())) return false;
    if (!this.#isGated) {
      this.#isGated = true;
      Object.assign(this.socket, gate);
    }
    for (const part of piece) this.#flownBytes += part.length;
    this.#flight = this.#sender.board(this, piece);
    return true;
  }

  isFlying(): boolean {
    if (this.#flight.isLanded) return false;
    this.#sender.settle(this.#flight);
    if (this.#flight.isLanded) return false;
    this.#isAwaited = true;
    this.#wait();
    return true;
  }

  protected override writePing(piece: Piece): void {
    if (!this.fly(piece)) super.writePing(piece);
  }

  // --- Passenger

  get slot(): number {
    if (this.#isGone) return GONE;
    if (this.#slot === INLINE) {
      const fd = fdOf(this.socket);
      this.#slot = fd === undefined ? INLINE : Math.max(INLINE, this.#sender.reserve.adopt(fd, this));
    }
    return this.#slot;
  }

  landedShort(bytes: Uint8Array, taken: number): void {
    this.#writeRest(taken === 0 ? bytes : bytes.subarray(taken));
  }

  writeNow(bytes: Uint8Array): void {
    this.#flight = LANDED;
    this.#writeRest(bytes);
  }

  giveBack(): boolean {
    if (this.#slot < 0 || !this.#flight.isLanded) return false;
    this.#slot = INLINE;
    return true;
  }

  onLanded(): void {
    const isAwaited = this.#isAwaited;
    this.#isWaiting = false;
    this.#isAwaited = false;
    try {
      this.#letGo();
      if (this.#isGone) this.#release();
      else if (isAwaited) this.listener.onLanding?.();
    } catch (error) {
      this.failed(error);
    }
  }

  // --- the gate

  /** Whether a write to Node's socket has to wait for the landing; then `hold` keeps it. */
  mustHold(): boolean {
    this.#isTouched = true;
    if (this.#flight.isLanded) return false;
    this.#sender.departWith(this.#flight);
    return !this.#flight.isLanded;
  }

  hold(write: () => void): void {
    this.#held = write;
    this.#wait();
  }

  /** Others gather writes, which the gate does not see until they let them go. */
  corked(): void {
    this.#isTouched = true;
  }

  /** Node closes its descriptor: nothing leaves by the duplicate either from now on. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#letGo();
    if (this.#flight.isLanded || !this.#flight.isClosed) {
      this.#release();
      return;
    }
    // the peer learns of it now, although the sender has a descriptor
    if (this.#slot >= 0) this.#sender.shut(this.#slot);
    this.#wait();
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  #release(): void {
    if (this.#slot >= 0) this.#sender.reserve.release(this.#slot);
    this.#slot = INLINE;
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#flight.await(this);
  }

  get #inAirBytes(): number {
    return this.#flight.isLanded ? 0 : this.#flight.bytes.length;
  }

  /** Nothing waits in Node's socket, and it has not ended. */
  #isFree(): boolean {
    const isFree = this.#isIdle && this.#restBytes === 0 && !this.#isGone;
    if (isFree) this.#isTouched = false;
    return isFree;
  }

  get #isIdle(): boolean {
    const { writableLength, writableCorked, writableEnded, destroyed } = this.socket;
    return writableLength === 0 && writableCorked === 0 && !writableEnded && !destroyed;
  }

  /** It comes before all that waits in Node's socket. */
  #writeRest(rest: Uint8Array): void {
    this.#flownBytes -= rest.length;
    this.#isTouched = true;
    if (this.#isGone) return;
    try {
      if (this.#isIdle && this.#restBytes === 0) this.socket.write(rest);
      else this.#writePast(rest);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Past the stream, to its handle. */
  #writePast(rest: Uint8Array): void {
    this.#restBytes += rest.length;
    const done = (error?: Error | null): void => {
      this.#restBytes -= rest.length;
      if (error) this.socket.destroy(error);
      else if (this.#restBytes === 0) queueMicrotask(this.#restWritten);
    };
    call(this.socket, '_write', [rest, 'buffer', done]);
  }

  /** The stream of Node's socket does not know of it, and emits no `drain`. */
  readonly #restWritten = (): void => {
    try {
      this.drained();
    } catch (error) {
      this.failed(error);
    }
  };
}

/** A plain TCP socket: bytes go to a TLS socket by its cipher, and what is no TCP has not been tried. */
export function canFly(socket: Socket): boolean {
  return Reflect.get(socket, 'encrypted') !== true && fdOf(socket) !== undefined;
}

type Done = (error?: Error | null) => void;
interface Chunk {
  readonly chunk: unknown;
  readonly encoding: BufferEncoding;
}

/** What takes the place of a socket's own methods, shared by all. */
const gate = {
  _write(this: Socket, chunk: unknown, encoding: BufferEncoding, done: Done): void {
    pass(this, '_write', [chunk, encoding, done]);
  },
  _writev(this: Socket, chunks: readonly Chunk[], done: Done): void {
    pass(this, '_writev', [chunks, done]);
  },
  _final(this: Socket, done: Done): void {
    pass(this, '_final', [done]);
  },
  _destroy(this: Socket, error: Error | null, done: Done): void {
    Socket.prototype._destroy.call(this, error, done);
    flyingLinkOf(this)?.gone();
  },
  cork(this: Socket): void {
    flyingLinkOf(this)?.corked();
    Socket.prototype.cork.call(this);
  },
};

type Method = '_write' | '_writev' | '_final';

/** The method that all sockets share. */
function call(socket: Socket, name: Method, args: readonly unknown[]): void {
  const method: unknown = Reflect.get(Socket.prototype, name);
  if (typeof method === 'function') Reflect.apply(method, socket, args);
}

function pass(socket: Socket, name: Method, args: readonly unknown[]): void {
  const link = flyingLinkOf(socket);
  if (link?.mustHold() === true) link.hold(() => call(socket, name, args));
  else call(socket, name, args);
}

function flyingLinkOf(socket: Socket): FlyingLink | undefined {
  const link = linkOf(socket);
  return link instanceof FlyingLink ? link : undefined;
}
