import { constants, inflateRawSync } from 'node:zlib';

/** The end of a compressed message, which its sender leaves out (RFC 7692 section 7.2.2). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** Reads the unmasked WebSocket frames of a server (RFC 6455 section 5.2) from bytes that come in any pieces. */
export class FrameReader {
  readonly #onMessage: (payload: Buffer, isBinary: boolean) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #isDeflated = false;
  #isBinary = false;

  constructor(onMessage: (payload: Buffer, isBinary: boolean) => void) {
    this.#onMessage = onMessage;
  }

  /** A part of a message has come, and not its end. */
  get isInside(): boolean {
    return this.#bytes.length > 0 || this.#fragments.length > 0;
  }

  /** @param bytes the reader's own from now on */
  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    while (this.#readFragment());
  }

  #readFragment(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const first = bytes.readUInt8(0);
    const short = bytes.readUInt8(1);
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < start) return false;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < start + length) return false;
    const opcode = first & 0x0f;
    const isLast = first >= 0x80;
    if ((opcode === 0) !== this.#fragments.length > 0) throw new Error('a message begins inside another one');
    if (opcode !== 0) {
      this.#isDeflated = (first & 0x40) !== 0;
      this.#isBinary = opcode === 2;
    }
    this.#fragments.push(bytes.subarray(start, start + length));
    this.#bytes = bytes.subarray(start + length);
    if (isLast) this.#onMessage(this.#read(this.#fragments.splice(0)), this.#isBinary);
    return true;
  }

  #read(fragments: readonly Buffer[]): Buffer {
    if (!this.#isDeflated) return fragments.length === 1 && fragments[0] ? fragments[0] : Buffer.concat(fragments);
    return inflated(Buffer.concat([...fragments, TAIL]));
  }
}

/** The same frame goes to many clients: half of a schedule's time would be zlib's. */
const known = new Map<string, Buffer>();

function inflated(bytes: Buffer): Buffer {
  const key = bytes.toString('latin1');
  const before = known.get(key);
  if (before !== undefined) return before;
  const text = inflateRawSync(bytes, { chunkSize: 2_048, finishFlush: constants.Z_SYNC_FLUSH });
  if (known.size >= 64) known.clear();
  known.set(key, text);
  return text;
}
