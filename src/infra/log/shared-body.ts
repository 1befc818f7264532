import type { Body } from '../../api/body.ts';

/**
 * A body whose memory is released with its last reference. Bodies on plain buffers have nothing to release; for them the count costs an
 * integer.
 */
export class SharedBody implements Body {
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  /** Memory behind the chunks: a segment counts as a whole, however little of it is used. */
  readonly heldBytes: number;
  #chunks: readonly Uint8Array[] | undefined;
  /** Where its bytes are if it has no chunks of its own. */
  #frame: Uint8Array = EMPTY;
  #frameAt = 0;
  #references = 1;
  readonly #onFree: (() => void) | undefined;

  /**
   * @param chunks each with memory of its own: a slice of Node's buffer pool would keep 64 KiB for as long as the log has the message
   * @param heldBytes set it if it exceeds the chunks' lengths
   */
  constructor(chunks: readonly Uint8Array[], onFree?: () => void, heldBytes?: number) {
    this.#chunks = chunks;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.bytes = bytes;
    this.heldBytes = heldBytes ?? bytes;
    this.#onFree = onFree;
  }

  /** Empty once the memory has been released. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks ?? [this.#frame.subarray(this.#frameAt, this.#frameAt + this.bytes)];
  }

  /** False once the memory has been released. */
  get isAlive(): boolean {
    return this.#references > 0;
  }

  /** The same bytes are in a frame, from `at` on. From now on that is their only place, unless pooled segments are behind them. */
  moveInto(frame: Uint8Array, at: number): void {
    if (this.#onFree !== undefined || !this.isAlive) return;
    this.#chunks = undefined;
    this.#frame = frame;
    this.#frameAt = at;
  }

  retain(): void {
    if (this.#references === 0) throw new RangeError('body was retained after its memory had been given back');
    this.#references++;
  }

  release(): void {
    if (this.#references === 0) throw new RangeError('body was released more often than retained');
    if (--this.#references > 0) return;
    this.#chunks = NONE;
    this.#frame = EMPTY;
    this.#onFree?.();
  }
}

const EMPTY = new Uint8Array(0);
const NONE: readonly Uint8Array[] = [];

/** The text as UTF-8 in memory of its own. */
export function ownBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/**
 * A body for a log's entries, with one reference: its creator's.
 * @param chunks each with memory of its own that does not change any more: a slice of Node's buffer pool would keep 8 KiB or more
 * @param onFree called when the last reference is released
 */
export function makeBody(chunks: readonly Uint8Array[], onFree?: () => void): Body {
  return new SharedBody(chunks, onFree);
}
