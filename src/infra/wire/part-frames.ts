import { countUpTo } from '../sorted-search.ts';
import type { Body } from '../../api/body.ts';
import type { EntryParts } from '../../api/entry.ts';
import { base64Of, BASE64_FIELDS, BYTES_MARK, isBytes, rangeOf } from './bytes-body.ts';
import { DeflatedParts } from './deflated-part-frames.ts';
import { asciiJson, encodeWhole, FRAGMENT_BYTES, type MessageType } from './frames.ts';
import type { WindowBits } from '../../api/socket.ts';

/**
 * Bytes of a message's JSON in one part. An urgent message waits for one part at most, besides the bytes that are already in the socket.
 */
export const PART_BYTES = 64 * 1024;

/** Bytes whose base64 has that size. */
const BASE64_PART_BYTES = (PART_BYTES / 4) * 3;

/** Below this a message is one fragment, and parts would gain nothing. */
export const IN_PARTS_ABOVE_BYTES = FRAGMENT_BYTES;

/** Encoded parts kept while a client reads: healthy readers are at nearly the same part. */
const KEPT = 16;

/** A UTF-8 character has at most three bytes after its first. */
const LONGEST_TAIL = 3;

const MARK = Buffer.of(BYTES_MARK);

interface Envelope {
  readonly threadId: string;
  readonly offset: number;
  readonly id: string;
  readonly body: Body;
  readonly traceparent: string | undefined;
  readonly target?: string | undefined;
  readonly isShared?: boolean | undefined;
  readonly at: number;
}

/**
 * A big message as `part` frames, for clients that asked for them. The cuts depend on its bytes alone. So a reconnecting client continues
 * with the part that it misses, even on another process.
 *
 * Each part is escaped once for all its readers (a millisecond of CPU for a megabyte). Only a few are kept: a slow reader costs that
 * millisecond again, not the message's memory twice.
 */
export class Parts implements EntryParts {
  readonly type: MessageType;
  /** Number of parts. */
  readonly count: number;
  readonly #envelope: Envelope;
  readonly #form: 'json' | 'bytes' | 'base64';
  /** Where each chunk of the body begins. */
  readonly #starts: readonly number[];
  readonly #kept: ({ readonly n: number; readonly frame: Uint8Array } | undefined)[] = [];
  readonly #deflated = new Map<WindowBits, DeflatedParts>();
  #readers = 0;

  /** @param takesBytes a message of bytes comes as such, not as base64 */
  constructor(envelope: Envelope, takesBytes = false) {
    const { body } = envelope;
    this.#envelope = envelope;
    this.#form = isBytes(body) ? (takesBytes ? 'bytes' : 'base64') : 'json';
    this.type = this.#form === 'bytes' ? 'binary' : 'text';
    this.count = Math.ceil(this.#form === 'json' ? body.bytes / PART_BYTES : (body.bytes - 1) / this.#bytesInPart);
    let start = 0;
    this.#starts = envelope.body.chunks.map((chunk) => (start += chunk.length) - chunk.length);
  }

  /** A reader begins: the body stays alive. */
  enter(): void {
    this.#readers++;
    this.#envelope.body.retain();
  }

  /** A reader has reached the end, or gives up. */
  leave(): void {
    if (--this.#readers === 0) {
      this.#kept.length = 0;
      this.#deflated.clear();
    }
    this.#envelope.body.release();
  }

  /** The whole frame of part `n`, counted from 0; only between `enter` and `leave`. */
  frame(n: number): Uint8Array {
    const kept = this.#kept[n % KEPT];
    if (kept?.n === n) return kept.frame;
    const frame = encodeWhole(this.payload(n), 'plain', this.type);
    this.#kept[n % KEPT] = { n, frame };
    return frame;
  }

  /** The same parts, each compressed; only between `enter` and `leave`. */
  deflated(window: WindowBits, level: number): DeflatedParts {
    let parts = this.#deflated.get(window);
    if (parts === undefined) this.#deflated.set(window, (parts = new DeflatedParts(this, window, level)));
    return parts;
  }

  /** What is in the frame of part `n`; only between `enter` and `leave`. */
  payload(n: number): Buffer {
    const { threadId, offset, id, traceparent, target, isShared, at } = this.#envelope;
    const trace = traceparent === undefined ? '' : `,"tp":"${traceparent}"`;
    const re = target === undefined ? '' : `,"re":"${target}"`;
    const many = isShared === true ? ',"many":true' : '';
    const isLast = n === this.count - 1;
    const head = `{"t":"part","th":${JSON.stringify(threadId)},"o":${offset},"id":"${id}","n":${n},"of":${this.count}`;
    const facts = isLast ? `,"last":true,"ts":${at}${re}${many}${trace}` : '';
    if (this.#form === 'bytes')
      return Buffer.concat([Buffer.from(asciiJson(`${head}${facts}}`)), MARK, this.#bytes(n)]);
    // each byte becomes the character with the same number: only ASCII needs escaping, and other UTF-8 bytes stay as they are
    const start = Buffer.from(`${head},${this.#form === 'base64' ? BASE64_FIELDS : ''}"d":`).toString('latin1');
    return Buffer.from(`${start}${JSON.stringify(this.#text(n))}${facts}}`, 'latin1');
  }

  /** A slice of the message's JSON. */
  #text(n: number): string {
    if (this.#form === 'json') return this.#latin1(this.#cut(n), this.#cut(n + 1));
    return `${n === 0 ? '"' : ''}${base64Of(this.#bytes(n))}${n === this.count - 1 ? '"' : ''}`;
  }

  /** A slice of a message of bytes. */
  #bytes(n: number): Buffer {
    const { chunks, bytes } = this.#envelope.body;
    const from = 1 + n * this.#bytesInPart;
    return rangeOf(chunks, from, Math.min(bytes, from + this.#bytesInPart));
  }

  get #bytesInPart(): number {
    return this.#form === 'bytes' ? PART_BYTES : BASE64_PART_BYTES;
  }

  /** Where part `n` begins: never within a character. */
  #cut(n: number): number {
    const { bytes } = this.#envelope.body;
    const at = n * PART_BYTES;
    if (at >= bytes) return bytes;
    for (let back = 0; back <= LONGEST_TAIL; back++) {
      if ((this.#byteAt(at - back) & 0xc0) !== 0x80) return at - back;
    }
    return at;
  }

  #byteAt(position: number): number {
    const i = this.#chunkAt(position);
    return this.#envelope.body.chunks[i]?.[position - (this.#starts[i] ?? 0)] ?? 0;
  }

  #latin1(from: number, to: number): string {
    const { chunks } = this.#envelope.body;
    let text = '';
    for (let i = this.#chunkAt(from); i < chunks.length; i++) {
      const start = this.#starts[i] ?? 0;
      const chunk = chunks[i];
      if (start >= to || chunk === undefined) break;
      const bytes = chunk.subarray(Math.max(0, from - start), to - start);
      text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    }
    return text;
  }

  /** Index of the chunk with this byte. */
  #chunkAt(position: number): number {
    return Math.max(0, countUpTo(this.#starts, position) - 1);
  }
}
