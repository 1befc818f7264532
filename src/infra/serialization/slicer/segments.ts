/** Free segments that no sweep takes away (16 MiB). */
const KEPT = 64;

/** A segment is a `Buffer` of the pool's fixed size. */
export interface SegmentPoolOptions {
  /**
   * Size of one segment.
   * @default 262144
   */
  readonly segmentBytes?: number;
  /**
   * Segments kept for reuse; what is given back beyond that goes to the garbage collector. Enough for twenty messages of 10 MB
   * at once; what a burst has left is given up again by `sweep`.
   * @default 1024 (256 MiB)
   */
  readonly maxFree?: number;
}

/**
 * Output memory that is used again and again. Fresh buffers for every message are external memory that V8 answers with
 * major collections, of 70 to 200 ms each at 50 MB messages; segments from a pool cause none.
 */
export class SegmentPool {
  readonly segmentBytes: number;
  readonly maxFree: number;
  readonly #free: Buffer[] = [];
  #inUse = 0;
  /** The fewest free ones since the last sweep. */
  #unneeded = 0;

  constructor(options: SegmentPoolOptions = {}) {
    this.segmentBytes = options.segmentBytes ?? 256 * 1024;
    this.maxFree = options.maxFree ?? 1024;
  }

  /** Segments waiting for reuse. */
  get free(): number {
    return this.#free.length;
  }

  /** Segments that are being written or belong to a body that is still alive. */
  get inUse(): number {
    return this.#inUse;
  }

  /** A segment with old bytes in it. */
  acquire(): Buffer {
    this.#inUse++;
    this.#unneeded = Math.min(this.#unneeded, Math.max(0, this.#free.length - 1));
    // Slow on purpose: the "fast" variant may return a view into Node's shared 8 KiB pool.
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.segmentBytes);
  }

  /** Called about once a second: releases a part of the memory that was unused since the last call. */
  sweep(): void {
    const surplus = Math.min(this.#unneeded, this.#free.length - KEPT);
    if (surplus > 0) this.#free.length -= Math.ceil(surplus / 16);
    this.#unneeded = this.#free.length;
  }

  /** Takes segments back; they must not be read or written any more. */
  release(segments: readonly Buffer[]): void {
    for (const segment of segments) {
      this.#inUse--;
      if (this.#free.length < this.maxFree) this.#free.push(segment);
    }
  }
}
