import { countUpTo } from '../../infra/sorted-search.ts';
import { encodeText } from '../../infra/wire/frames.ts';
import type { Replica, StreamContent, StreamFrame } from './stream-content.ts';

/** Maximum text of one frame or node message, in UTF-16 units: the text so far of a long stream must not keep other data from the socket. */
const MAX_FRAME_UNITS = 64 * 1024;

/** Frames cached until the next window. Nearly all connections are at one position, and reconnecting clients together at another. */
const CACHED_FRAMES = 8;

/**
 * Text: the content whose fold is concatenation, so that no codec is called. Positions are UTF-16 units. Each unit is copied a bounded
 * number of times, at any length.
 */
export class StreamText implements StreamContent {
  readonly codec = undefined;
  readonly begun = 0;
  readonly #threadId: string;
  readonly #id: string;
  readonly #chunks: string[] = [];
  /** The position at which each chunk begins. */
  readonly #starts: number[] = [];
  readonly #frames = new Map<number, StreamFrame>();
  #told = 0;
  #pending = '';

  constructor(threadId: string, id: string) {
    this.#threadId = threadId;
    this.#id = id;
  }

  get length(): number {
    return this.#told + this.#pending.length;
  }

  get told(): number {
    return this.#told;
  }

  /** Half of a surrogate pair waits for the other half. */
  get isPending(): boolean {
    return this.#pending.length > (endsInPair(this.#pending) ? 1 : 0);
  }

  final(fields: Readonly<Record<string, unknown>>, aborted: string | undefined): unknown {
    return { ...fields, text: this.#chunks.join('') + this.#pending, aborted };
  }

  append(text: string): void {
    this.#pending += text;
  }

  takePending(): number {
    const end = this.#pending.length - (endsInPair(this.#pending) ? 1 : 0);
    const text = this.#pending.slice(0, end);
    if (text === '') return 0;
    this.#pending = this.#pending.slice(end);
    this.#chunks.push(text);
    this.#starts.push(this.#told);
    this.#told += text.length;
    this.#frames.clear();
    return text.length;
  }

  align(at: number): number {
    const from = Math.min(at, this.#told);
    return from > 0 && from < this.#told && isLow(this.slice(from, 1)) && isHigh(this.slice(from - 1, 1))
      ? from - 1
      : from;
  }

  /** Released text from a position on, at most `limit` units. */
  slice(from: number, limit: number): string {
    let index = this.#indexOf(from);
    let text = (this.#chunks[index] ?? '').slice(from - (this.#starts[index] ?? 0));
    while (text.length < limit && ++index < this.#chunks.length) text += this.#chunks[index] ?? '';
    return text.slice(0, limit);
  }

  *replicas(from: number): Generator<Replica, undefined> {
    for (let at = from; at < this.#told;) {
      const d = this.slice(at, MAX_FRAME_UNITS);
      const to = at + d.length;
      yield { at, to, d };
      at = to;
    }
    return undefined;
  }

  take({ at, d }: Replica): boolean {
    if (at > this.length) return false;
    if (typeof d === 'string') this.append(d.slice(this.length - at));
    return true;
  }

  /** It never splits a surrogate pair. */
  frame(from: number): StreamFrame {
    const known = this.#frames.get(from);
    if (known !== undefined) return known;
    let text = this.slice(from, MAX_FRAME_UNITS);
    if (from + text.length < this.#told && endsInPair(text)) text = text.slice(0, -1);
    const json = `{"t":"tok","th":${JSON.stringify(this.#threadId)},"s":"${this.#id}","at":${from},"d":${JSON.stringify(text)}}`;
    const { pieces, bytes } = encodeText(json);
    const frame = { piece: pieces[0] ?? [], bytes, to: from + text.length };
    // drop the oldest: a frame that nearly all need is soon made again, a frame for one connection is not needed twice
    if (this.#frames.size >= CACHED_FRAMES) this.#frames.delete(this.#frames.keys().next().value ?? from);
    this.#frames.set(from, frame);
    return frame;
  }

  /** The chunk that holds this position. */
  #indexOf(at: number): number {
    return Math.max(0, countUpTo(this.#starts, at) - 1);
  }
}

const isHigh = (unit: string): boolean => /^[\uD800-\uDBFF]$/.test(unit);
const isLow = (unit: string): boolean => /^[\uDC00-\uDFFF]$/.test(unit);

/** The last unit is the first half of a surrogate pair. */
function endsInPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
