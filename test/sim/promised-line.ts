import type { Body } from '../../src/api/body.ts';
import type { Piece } from '../../src/api/socket.ts';
import { Line, type FarEnd, type LineOptions } from '../../src/testing/index.ts';

/** A line whose hub has to keep its word: the code with which it closes a connection arrives where the client reads. */
export class PromisedLine extends Line {
  readonly #end: PromisedEnd;
  readonly #told: Told;
  readonly #mostUnsent: number;

  /** @param highWaterMarkBytes of the hub: a line that has as many unsent is given no more */
  constructor(far: FarEnd, options: LineOptions, told: Told, highWaterMarkBytes: number) {
    const end = new PromisedEnd(far, told);
    super(end, options);
    end.line = this;
    this.#end = end;
    this.#told = told;
    this.#mostUnsent = highWaterMarkBytes + LARGEST_WRITE;
  }

  override write(piece: Piece, body: Body | undefined): void {
    super.write(piece, body);
    if (this.unsentBytes > this.#mostUnsent) this.#told.complain(`${this.unsentBytes} bytes wait for a line`);
  }

  /** The server has ended the connection with this code: it arrives if the client reads. */
  promise(code: number): void {
    if (!this.isTroubled && !this.isStalled && !this.isFarGone) this.#end.promised = code;
  }

  /** The server has given its promise, and nothing has come of it. */
  get isLate(): boolean {
    return this.#end.promised !== undefined && !this.isTroubled && !this.isFarGone;
  }
}

/** A fragment of 256 KiB, with what is around it. */
const LARGEST_WRITE = 262_144 + 1_024;

/** Lengths at which a frame's header takes another form (RFC 6455 section 5.2). */
const EDGES: ReadonlySet<number> = new Set([125, 126, 65_535, 65_536]);

/** Hears of what happens at the client's end. */
interface Told {
  complain(what: string): void;
  note(event: string): void;
}

class PromisedEnd implements FarEnd {
  line: Line | undefined;
  promised: number | undefined;
  readonly #far: FarEnd;
  readonly #told: Told;

  constructor(far: FarEnd, told: Told) {
    this.#far = far;
    this.#told = told;
  }

  onText(text: string): void {
    if (EDGES.has(text.length)) this.#told.note(`frame of ${text.length}`);
    this.#far.onText(text);
  }

  onBytes(bytes: Uint8Array): void {
    this.#far.onBytes(bytes);
  }

  onClose(code: number, reason: string): void {
    const { line, promised } = this;
    if (line?.isInsideMessage === true) this.#told.note('cut inside a message');
    const isSure = promised !== undefined && line?.isTroubled === false && !line.isStalled;
    if (isSure && code !== promised)
      this.#told.complain(`closed with ${promised}, and a client that reads got ${code}`);
    this.#far.onClose(code, reason);
  }
}
