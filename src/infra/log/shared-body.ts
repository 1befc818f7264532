import type { Body } from '../../api/body.ts';

/**
 * A body whose memory is given back when nobody refers to it any more. Bodies on plain buffers have nothing to give back; for them the
 * counting costs an integer.
 */
export class SharedBody implements Body {
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
