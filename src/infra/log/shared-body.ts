/**
 * The encoded bytes of one message: a list of chunks that is never concatenated, shared by the log and by every socket
 * that still has to write it.
 *
 * Counted references: a body starts with one, its maker's. Whoever keeps it for later calls `retain` and, when done,
 * `release`; at zero the memory behind the chunks is given back (pooled segments are reused, so a chunk must not be read
 * after the release). Bodies on plain buffers have nothing to give back; for them the counting costs an integer.
 */
export class Body {
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  #references = 1;
  readonly #onFree: (() => void) | undefined;

  constructor(chunks: readonly Uint8Array[], onFree?: () => void) {
    this.chunks = chunks;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.bytes = bytes;
    this.#onFree = onFree;
  }

  /** False once the memory has been given back. */
  get isAlive(): boolean {
    return this.#references > 0;
  }

  retain(): void {
    if (this.#references === 0) throw new RangeError('body was retained after its memory had been given back');
    this.#references++;
  }

  release(): void {
    if (this.#references === 0) throw new RangeError('body was released more often than retained');
    if (--this.#references === 0) this.#onFree?.();
  }
}
