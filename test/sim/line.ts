import type { Body, Clock, Link, LinkListener, Piece } from '../../src/index.ts';
import type { WindowBits } from '../../src/api/socket.ts';
import type { Frame } from '../../src/client/socket.ts';
import { FrameReader } from './frame-reader.ts';

/** The client's end of a line. */
export interface FarEnd {
  onText(text: string): void;
  onBytes(bytes: Buffer): void;
  onClose(code: number, reason: string): void;
}

/** What the server has given to the line and the client has not received. */
type Parcel =
  | { readonly piece: Piece; readonly body: Body | undefined; readonly bytes: number }
  | { readonly ping: number }
  | { readonly code: number; readonly reason: string };

interface LineOptions {
  /** How long the way takes. */
  readonly latencyMs: number;
  readonly deflateWindow?: WindowBits | undefined;
  readonly complain: (what: string) => void;
}

/** How long a closing socket waits for the other side's close frame before it gives up (as `ws` does). */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * A TCP connection between a client and a node: bytes arrive in order, after a latency, or not at all. The server's end is a `Link`.
 * `window` is what the network holds for a client that reads slowly.
 */
export class Line implements Link {
  /** Of the compression that the client has negotiated. */
  readonly deflateWindow: WindowBits | undefined;
  readonly #network: Clock;
  readonly #node: { run(callback: () => void): void };
  readonly #latencyMs: number;
  readonly #far: FarEnd;
  readonly #reader: FrameReader;
  readonly #complain: (what: string) => void;
  #listener: LinkListener | undefined;
  readonly #queue: Parcel[] = [];
  #unsent = 0;
  #taken = 0;
  #isDrainDue = false;
  /** The client reads nothing: its process is stopped. */
  #isStalled = false;
  /** Packets vanish, both ways. */
  #isSilent = false;
  #isFarGone = false;
  #isNearGone = false;
  #isClosing = false;
  #isCut = false;
  /** Why the connection may end otherwise than the server says: a fault, or the client has closed it. */
  #isTroubled = false;
  /** The code with which the server has closed, where the client reads and nothing is wrong with the line. */
  #promisedCode: number | undefined;

  constructor(
    far: FarEnd,
    node: { run(callback: () => void): void },
    network: Clock,
    { latencyMs, deflateWindow, complain }: LineOptions,
  ) {
    this.#complain = complain;
    this.deflateWindow = deflateWindow;
    this.#far = far;
    this.#node = node;
    this.#network = network;
    this.#latencyMs = latencyMs;
    this.#reader = new FrameReader((payload, isBinary) =>
      isBinary ? this.#far.onBytes(payload) : this.#far.onText(payload.toString()),
    );
  }

  readonly attach = (listener: LinkListener): Link => {
    this.#listener = listener;
    return this;
  };

  get isOver(): boolean {
    return this.#isFarGone && this.#isNearGone;
  }

  get isWhole(): boolean {
    return !this.#isFarGone && !this.#isNearGone && !this.#isSilent;
  }

  /** The server has ended the connection with this code: it arrives if the client reads. */
  promise(code: number): void {
    if (!this.#isTroubled && !this.#isStalled && !this.#isFarGone) this.#promisedCode = code;
  }

  /** The server has given its promise, and nothing has come of it. */
  get isLate(): boolean {
    return this.#promisedCode !== undefined && !this.#isTroubled && !this.#isFarGone;
  }

  // --- Link

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
    this.#network.setTimeout(() => this.#endNear(1006, ''), CLOSE_TIMEOUT_MS);
  }

  terminate(): void {
    if (this.#isNearGone) return;
    this.#toFar(() => this.#endFar(1006, ''));
    this.#network.nextTurn(() => this.#endNear(1006, ''));
  }

  // --- the client's end

  say(frame: Frame): void {
    const isBinary = typeof frame !== 'string';
    const payload = isBinary ? Buffer.from(frame) : Buffer.from(frame);
    this.#toNear(() => {
      if (!this.#isNearGone) this.#listener?.onMessage(payload, isBinary);
    });
  }

  /** The client closes; the node answers. */
  farClose(code: number): void {
    this.#isTroubled = true;
    this.#toNear(() => {
      this.#endNear(code, '');
      this.#toFar(() => this.#endFar(code, ''));
    });
    // a browser gives up as well
    this.#network.setTimeout(() => this.#endFar(1006, ''), CLOSE_TIMEOUT_MS);
  }

  // --- faults

  /** Reset: what is in flight is lost, both ends are told. */
  cut(): void {
    this.#toFar(() => this.#endFar(1006, ''));
    this.#toNear(() => this.#endNear(1006, ''));
    this.#isSilent = true;
    this.#isCut = true;
    this.#isTroubled = true;
  }

  /** Half-open: nothing arrives any more, no end is told. */
  silence(): void {
    this.#isSilent = true;
    this.#isTroubled = true;
  }

  stall(): void {
    this.#isStalled = true;
  }

  /** The client reads up to so many bytes. */
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

  resume(): void {
    this.#isStalled = false;
    this.#pump();
  }

  /** The process at the near end is gone: the system resets the connection, or the whole machine is gone and says nothing. */
  crashNear(isTold: boolean): void {
    this.#isNearGone = true;
    this.#isTroubled = true;
    this.#drop();
    if (isTold) this.#toFar(() => this.#endFar(1006, ''));
    else this.#isSilent = true;
  }

  // ---

  #pump(): void {
    if (!this.#isStalled) this.take(Infinity);
  }

  #carry({ piece, body, bytes }: Extract<Parcel, { bytes: number }>): void {
    const copy = Buffer.concat(piece, bytes);
    this.#unsent -= bytes;
    this.#taken += bytes;
    body?.release();
    this.#toFar(() => {
      if (!this.#isFarGone && !this.#isCut) this.#reader.push(copy);
    });
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
    this.#network.nextTurn(() =>
      this.#node.run(() => {
        if (!this.#isNearGone && this.#unsent === 0) this.#listener?.onDrain();
      }),
    );
  }

  #toFar(act: () => void): void {
    if (!this.#isSilent) this.#network.setTimeout(act, this.#latencyMs);
  }

  #toNear(act: () => void): void {
    if (!this.#isSilent) this.#network.setTimeout(() => this.#node.run(act), this.#latencyMs);
  }

  #endNear(code: number, reason: string): void {
    if (this.#isNearGone) return;
    this.#isNearGone = true;
    this.#drop();
    this.#node.run(() => this.#listener?.onClose(code, reason));
  }

  #endFar(code: number, reason: string): void {
    if (this.#isFarGone) return;
    this.#isFarGone = true;
    const promised = this.#promisedCode;
    if (promised !== undefined && code !== promised && !this.#isTroubled && !this.#isStalled)
      this.#complain(`closed with ${promised}, and a client that reads got ${code}`);
    this.#far.onClose(code, reason);
  }

  #drop(): void {
    for (const parcel of this.#queue.splice(0)) if ('body' in parcel) parcel.body?.release();
    this.#unsent = 0;
  }
}
