import { SharedBody } from '../../log/shared-body.ts';
import type { Body } from '../../../api/body.ts';
import { MessageTooLargeError } from '../../errors.ts';
import { splitsPair } from './json-text.ts';
import type { SegmentPool } from './segments.ts';

/** The most bytes that one UTF-16 unit becomes in UTF-8 (a surrogate pair is two units and four bytes). */
const BYTES_PER_UNIT = 3;
const NONE = Buffer.alloc(0);
/** Where a segment has less room than this left, the next one is taken: smaller pieces are not worth a native call. */
const LEAST_ROOM = 16;

export interface OutputOptions {
  readonly pool: SegmentPool;
  readonly maxBytes: number;
  readonly flushUnits: number;
}

/** Collects text as UTF-8 in segments from the pool. */
export class Output {
  readonly #pool: SegmentPool;
  readonly #maxBytes: number;
  readonly #flushUnits: number;
  /** Short texts, waiting to be copied together. */
  #pending = '';
  #segments: Buffer[] = [];
  /** Bytes used in each full segment. */
  readonly #ends: number[] = [];
  /** The segment that is being written. Taken with the first bytes only: a queued job must not hold one. */
  #current: Buffer = NONE;
  #at = 0;
  #bytesBefore = 0;

  constructor(options: OutputOptions) {
    this.#pool = options.pool;
    this.#maxBytes = options.maxBytes;
    this.#flushUnits = options.flushUnits;
  }

  /** Adds text that is a few bytes long: punctuation, keys, numbers, short values. */
  text(text: string): void {
    this.#pending += text;
    if (this.#pending.length > this.#flushUnits) this.#flush();
  }

  /** Adds text of some kilobytes without its first and last character: a native result without its brackets or quotes. */
  inner(text: string): void {
    this.#flush();
    this.#write(text.slice(1, -1));
  }

  /** The finished message. The output must not be used afterwards. */
  finish(): Body {
    this.#flush();
    const segments = this.#segments;
    const chunks: Uint8Array[] = segments.slice(0, -1).map((segment, index) => segment.subarray(0, this.#ends[index]));
    let tailBytes = 0;
    if (this.#at > this.#pool.segmentBytes >> 1) {
      chunks.push(this.#current.subarray(0, this.#at));
    } else {
      // A half empty last segment would pin 256 KiB for as long as the log keeps the message: copy the tail instead.
      const tail = Buffer.allocUnsafeSlow(this.#at);
      this.#current.copy(tail, 0, 0, this.#at);
      if (tail.length > 0) chunks.push(tail);
      tailBytes = tail.length;
      segments.pop();
      this.#pool.release([this.#current]);
    }
    this.#segments = [];
    const heldBytes = segments.length * this.#pool.segmentBytes + tailBytes;
    return new SharedBody(chunks, segments.length === 0 ? undefined : () => this.#pool.release(segments), heldBytes);
  }

  /** Gives all memory back: the message will not be. */
  discard(): void {
    this.#pending = '';
    this.#pool.release(this.#segments);
    this.#segments = [];
  }

  #takeSegment(): void {
    if (this.#current !== NONE) {
      this.#ends.push(this.#at);
      this.#bytesBefore += this.#at;
    }
    this.#current = this.#pool.acquire();
    this.#segments.push(this.#current);
    this.#at = 0;
  }

  #flush(): void {
    const text = this.#pending;
    if (text.length === 0) return;
    this.#pending = '';
    this.#write(text);
  }

  #write(text: string): void {
    if (text.length * BYTES_PER_UNIT <= this.#current.length - this.#at) {
      this.#at += this.#current.write(text, this.#at);
    } else {
      this.#writeAcross(text);
    }
    const bytes = this.#bytesBefore + this.#at;
    if (bytes > this.#maxBytes) throw new MessageTooLargeError({ bytes, limit: this.#maxBytes });
  }

  /** Writes as many units at a time as surely have room, so that a segment's end never cuts a character. */
  #writeAcross(text: string): void {
    let start = 0;
    while (start < text.length) {
      if (this.#current.length - this.#at < LEAST_ROOM) this.#takeSegment();
      const room = this.#current.length - this.#at;
      let end = Math.min(text.length, start + Math.floor(room / BYTES_PER_UNIT));
      if (splitsPair(text, end)) end--;
      this.#at += this.#current.write(text.substring(start, end), this.#at);
      start = end;
    }
  }
}
