import type { Body } from '../api/body.ts';
import type { Link, LinkListener, Piece } from '../api/socket.ts';

/**
 * A socket in memory. It accepts bytes until a test stalls it, answers pings unless it is stalled, and records every byte.
 * `hub.accept(link.attach)` makes it a connection.
 */
export class FakeLink implements Link {
  /** The payloads of the complete text messages, oldest first. */
  readonly received: string[] = [];
  /** The payloads of the complete binary messages, oldest first. */
  readonly binary: Uint8Array[] = [];
  /** Close code that the client has read; 1006 after a termination. */
  closeCode: number | undefined;
  #listener: LinkListener | undefined;
  #takenBytes = 0;
  #isStalled = false;
  #isDrainExpected = false;
  #isClosing = false;
  /** In order: a ping is answered when everything written before it has been accepted. */
  readonly #unsent: ({ readonly piece: Piece; readonly body: Body | undefined } | { readonly seq: number } | Close)[] =
    [];
  #unsentBytes = 0;
  #fragments: Uint8Array[] = [];
  #isBinary = false;

  readonly attach = (listener: LinkListener): Link => {
    this.#listener = listener;
    return this;
  };

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  get isClosed(): boolean {
    return this.closeCode !== undefined;
  }

  /** The text messages received, parsed. */
  get messages(): unknown[] {
    return this.received.map((text): unknown => JSON.parse(text));
  }

  write(piece: Piece, body: Body | undefined): void {
    if (this.isClosed) return;
    // RFC 6455 section 5.5.1
    if (this.#isClosing) throw new Error('written after the close frame');
    if (this.#isStalled) {
      body?.retain();
      this.#unsent.push({ piece, body });
      this.#unsentBytes += sizeOf(piece);
      this.#isDrainExpected = true;
      return;
    }
    this.#take(piece);
  }

  cork(): void {}

  uncork(): void {}

  ping(seq: number): void {
    if (this.#isClosing) return;
    if (this.#isStalled) this.#unsent.push({ seq });
    else queueMicrotask(() => this.#listener?.onPong(seq));
  }

  close(code: number, reason: string): void {
    if (this.isClosed || this.#isClosing) return;
    this.#isClosing = true;
    if (this.#isStalled) this.#unsent.push({ code, reason });
    else this.#end({ code, reason });
  }

  terminate(): void {
    if (!this.isClosed) this.#end({ code: 1006, reason: '' });
  }

  /** From now on the client accepts nothing and answers nothing. */
  stall(): void {
    this.#isStalled = true;
  }

  /** The client accepts up to `bytes` of the unsent data, and stays stalled: a slow line. */
  take(bytes: number): void {
    for (let left = bytes; left > 0;) {
      const next = this.#unsent.shift();
      if (next === undefined) break;
      if ('seq' in next) {
        this.#listener?.onPong(next.seq);
        continue;
      }
      if ('code' in next) {
        this.#end(next);
        return;
      }
      const size = sizeOf(next.piece);
      left -= size;
      this.#unsentBytes -= size;
      this.#take(next.piece);
      next.body?.release();
    }
    this.#reportDrain();
  }

  /** The client accepts everything again, and answers pending pings. */
  resume(): void {
    this.#isStalled = false;
    this.take(Infinity);
  }

  /** The client sends a frame: bytes as a binary message, a text as it is, anything else as its JSON. */
  say(frame: unknown): void {
    const isBinary = frame instanceof Uint8Array;
    const data = isBinary ? frame : Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame));
    this.#listener?.onMessage(data, isBinary);
  }

  /** The client sends a ping, or a pong with this number, whether requested or not. */
  sayPing(): void {
    this.#listener?.onPing();
  }

  sayPong(seq = -1): void {
    this.#listener?.onPong(seq);
  }

  /** The client hangs up. */
  hangUp(code = 1006, reason = ''): void {
    if (this.isClosed) return;
    this.closeCode = code;
    this.#drop();
    this.#listener?.onClose(code, reason);
  }

  #reportDrain(): void {
    if (this.#unsentBytes > 0 || !this.#isDrainExpected) return;
    this.#isDrainExpected = false;
    this.#listener?.onDrain();
  }

  #end({ code, reason }: Close): void {
    this.closeCode = code;
    this.#drop();
    queueMicrotask(() => this.#listener?.onClose(code, reason));
  }

  #drop(): void {
    for (const waiting of this.#unsent.splice(0)) if ('body' in waiting) waiting.body?.release();
    this.#unsentBytes = 0;
    this.#isDrainExpected = false;
  }

  #take(piece: Piece): void {
    let bytes = Buffer.concat(piece);
    this.#takenBytes += bytes.length;
    while (bytes.length > 0) {
      const { opcode, isLast, payload, end } = readFragment(bytes);
      if (opcode !== 0) this.#isBinary = opcode === 2;
      // a copy: the body's memory is reused after its release
      this.#fragments.push(new Uint8Array(payload));
      if (isLast) this.#complete(Buffer.concat(this.#fragments.splice(0)));
      bytes = bytes.subarray(end);
    }
  }

  #complete(payload: Buffer): void {
    if (this.#isBinary) this.binary.push(new Uint8Array(payload));
    else this.received.push(payload.toString());
  }
}

/** A close frame. */
interface Close {
  readonly code: number;
  readonly reason: string;
}

/** One unmasked fragment (RFC 6455 section 5.2). */
function readFragment(bytes: Buffer): { opcode: number; isLast: boolean; payload: Buffer; end: number } {
  const short = bytes.readUInt8(1);
  const [start, length] =
    short < 126 ? [2, short] : short === 126 ? [4, bytes.readUInt16BE(2)] : [10, Number(bytes.readBigUInt64BE(2))];
  const end = start + length;
  const first = bytes.readUInt8(0);
  return { opcode: first & 0x0f, isLast: first >= 0x80, payload: bytes.subarray(start, end), end };
}

function sizeOf(piece: Piece): number {
  return piece.reduce((sum, part) => sum + part.length, 0);
}
