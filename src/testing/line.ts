import type { Body } from '../api/body.ts';
import type { Clock } from '../api/clock.ts';
import type { Link, LinkListener, Piece, WindowBits } from '../api/socket.ts';
import { FrameReader } from './frame-reader.ts';
import type { FarEnd, LineOptions } from './line-options.ts';
import { Way, type Latency } from './way.ts';

/** What the server has given to the line and the client has not received. */
type Parcel =
  | { readonly piece: Piece; readonly body: Body | undefined; readonly bytes: number }
  | { readonly ping: number }
  | { readonly code: number; readonly reason: string };

/** How long a closing socket waits for the other side's close frame before it gives up (as `ws` does). */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * A TCP connection between a client and a hub in one process: bytes arrive in order, after a latency, or not at all. `hub.accept(line.attach)`
 * makes it a connection. Each fault is a call.
 */
export class Line implements Link {
  readonly deflateWindow: WindowBits | undefined;
  readonly #clock: Clock;
  readonly #process: { run(callback: () => void): void };
  readonly #wayToFar: Way;
  readonly #wayToNear: Way;
  readonly #far: FarEnd;
  readonly #reader: FrameReader;
  #listener: LinkListener | undefined;
  readonly #queue: Parcel[] = [];
  #unsent = 0;
  #taken = 0;
  #isDrainDue = false;
  #isStalled = false;
  /** Packets vanish, both ways. */
  #isSilent = false;
  #isFarGone = false;
  #isNearGone = false;
  #isClosing = false;
  #isCut = false;
  #isTroubled = false;
  /** Bytes that the client still gets before the line is cut. */
  #leftBytes = Infinity;

  constructor(far: FarEnd, { clock, latencyMs = 1, deflateWindow, process = RUNNING }: LineOptions) {
    this.deflateWindow = deflateWindow;
    this.#far = far;
    this.#process = process;
    this.#clock = clock;
    const latency: Latency = typeof latencyMs === 'number' ? () => latencyMs : latencyMs;
    this.#wayToFar = new Way(clock, () => latency('client'));
    this.#wayToNear = new Way(clock, () => latency('hub'));
    this.#reader = new FrameReader((payload, isBinary) =>
      isBinary ? this.#far.onBytes(payload) : this.#far.onText(payload.toString()),
    );
  }

  readonly attach = (listener: LinkListener): Link => {
    this.#listener = listener;
    return this;
  };

  /** Both ends know that it is gone. */
  get isOver(): boolean {
    return this.#isFarGone && this.#isNearGone;
  }

  /** Both ends have it, and packets pass. */
  get isWhole(): boolean {
    return !this.#isFarGone && !this.#isNearGone && !this.#isSilent;
  }

  /** The client's end knows that it is gone. */
  get isFarGone(): boolean {
    return this.#isFarGone;
  }

  /** The client reads nothing. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** It may end otherwise than the hub says: by a fault, or because the client has closed it. */
  get isTroubled(): boolean {
    return this.#isTroubled;
  }

  /** The client has received a part of a message, and not its end. */
  get isInsideMessage(): boolean {
    return this.#reader.isInside;
  }

  get unsentBytes(): number {
    return this.#unsent;
  }

  get takenBytes(): number {
    return this.#taken;
  }

  write(piece: Piece, body: Body | undefined): void {
    if (this.#isNearGone) return;
    if (body?.isAlive === false) throw new Error('written from memory that was given back');
    const bytes = piece.reduce((sum, part) => sum + part.length, 0);
    body?.retain();
    this.#unsent += bytes;
    this.#queue.push({ piece, body, bytes });
    this.#pump();
    if (this.#unsent > 0) this.#isDrainDue = true;
  }

  cork(): void {}

  uncork(): void {}

  ping(seq: number): void {
    if (this.#isNearGone) return;
    this.#queue.push({ ping: seq });
    this.#pump();
  }

  close(code: number, reason: string): void {
    if (this.#isNearGone || this.#isClosing) return;
    this.#isClosing = true;
    this.#queue.push({ code, reason });
    this.#pump();
    this.#clock.setTimeout(() => this.#endNear(1006, ''), CLOSE_TIMEOUT_MS);
  }

  terminate(): void {
    if (this.#isNearGone) return;
    this.#toFar(() => this.#endFar(1006, ''));
    this.#clock.nextTurn(() => this.#endNear(1006, ''));
  }

  /** The client sends a message. */
  say(message: string | ArrayBuffer | Uint8Array): void {
    const isBinary = typeof message !== 'string';
    const payload = isBinary ? Buffer.from(new Uint8Array(message)) : Buffer.from(message);
    this.#toNear(() => {
      if (!this.#isNearGone && !this.#isCut) this.#listener?.onMessage(payload, isBinary);
    });
  }

  /** The client closes with this code; the hub's system answers. */
  farClose(code: number): void {
    this.#isTroubled = true;
    this.#toNear(() => {
      this.#endNear(code, '');
      this.#toFar(() => this.#endFar(code, ''));
    });
    // a browser gives up as well
    this.#clock.setTimeout(() => this.#endFar(1006, ''), CLOSE_TIMEOUT_MS);
  }

  /** Reset: what is on its way is lost, and both ends learn it. */
  cut(): void {
    this.#isCut = true;
    this.#end();
  }

  /**
   * Cut after the client has been given so many more bytes, in the middle of a frame perhaps. It reads the frames that have come to their end,
   * and nothing of the one that has not. The hub's end takes the whole write: its system had accepted it.
   */
  cutAfter(bytes: number): void {
    this.#leftBytes = bytes;
    if (bytes <= 0) this.#end();
  }

  /** Half-open: nothing arrives any more, and no end learns it. */
  silence(): void {
    this.#isSilent = true;
    this.#isTroubled = true;
  }

  /** The client reads nothing more: its process is stopped. */
  stall(): void {
    this.#isStalled = true;
  }

  /** A stalled client reads about so many bytes, in whole writes of the hub. */
  take(bytes: number): void {
    for (let left = bytes; left > 0 && !this.#isFarGone;) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      if ('bytes' in next) {
        left -= next.bytes;
        this.#carry(next);
      } else this.#carrySign(next);
    }
    this.#drained();
  }

  /** The client reads again. */
  resume(): void {
    this.#isStalled = false;
    this.#pump();
  }

  /**
   * The hub's process is gone.
   * @param isTold its system resets the connection; a machine without power says nothing
   */
  crashNear(isTold: boolean): void {
    this.#isNearGone = true;
    this.#isTroubled = true;
    this.#drop();
    if (isTold) this.#toFar(() => this.#endFar(1006, ''));
    else this.#isSilent = true;
  }

  #end(): void {
    this.#toFar(() => this.#endFar(1006, ''));
    this.#toNear(() => this.#endNear(1006, ''));
    this.silence();
  }

  #pump(): void {
    if (!this.#isStalled) this.take(Infinity);
  }

  #carry({ piece, body, bytes }: Extract<Parcel, { bytes: number }>): void {
    // a copy: the body's memory is used again after its release
    const copy = Buffer.concat(piece, bytes).subarray(0, Math.max(0, this.#leftBytes));
    this.#leftBytes -= bytes;
    this.#unsent -= bytes;
    this.#taken += bytes;
    body?.release();
    this.#toFar(() => {
      if (!this.#isFarGone && !this.#isCut) this.#reader.push(copy);
    });
    if (this.#leftBytes <= 0) this.#end();
  }

  #carrySign(sign: Exclude<Parcel, { bytes: number }>): void {
    this.#toFar(() => {
      if (this.#isFarGone || this.#isCut) return;
      if ('ping' in sign) {
        this.#toNear(() => this.#isNearGone || this.#listener?.onPong(sign.ping));
        return;
      }
      const { code, reason } = sign;
      this.#toNear(() => this.#endNear(code, reason));
      this.#endFar(code, reason);
    });
  }

  #drained(): void {
    if (!this.#isDrainDue || this.#unsent > 0 || this.#isNearGone) return;
    this.#isDrainDue = false;
    // never while `write` is running
    this.#clock.nextTurn(() =>
      this.#process.run(() => {
        if (!this.#isNearGone && this.#unsent === 0) this.#listener?.onDrain();
      }),
    );
  }

  #toFar(act: () => void): void {
    if (!this.#isSilent) this.#wayToFar.send(act);
  }

  #toNear(act: () => void): void {
    if (!this.#isSilent) this.#wayToNear.send(() => this.#process.run(act));
  }

  #endNear(code: number, reason: string): void {
    if (this.#isNearGone) return;
    this.#isNearGone = true;
    this.#drop();
    this.#process.run(() => this.#listener?.onClose(code, reason));
  }

  #endFar(code: number, reason: string): void {
    if (this.#isFarGone) return;
    this.#isFarGone = true;
    this.#far.onClose(code, reason);
  }

  #drop(): void {
    for (const parcel of this.#queue.splice(0)) if ('body' in parcel) parcel.body?.release();
    this.#unsent = 0;
  }
}

const RUNNING = { run: (callback: () => void): void => callback() };
