import { countUpTo } from '../../infra/sorted-search.ts';
import { encodeText } from '../../infra/wire/frames.ts';

/** Text of one frame at most, in UTF-16 units: the text so far of a long stream must not keep others from the socket. */
const MAX_FRAME_UNITS = 64 * 1024;

/** Frames held until the next window: nearly all connections stand at one position, and those that come back together at another. */
const CACHED_FRAMES = 8;

/** One `tok` frame, ready to be written to any number of sockets. */
export interface TextFrame {
  readonly bytes: Uint8Array;
  /** Where the text goes on after it. */
  readonly to: number;
}

/**
 * The text of a stream as a log: positions are UTF-16 units, and a connection keeps one number for what it has had. Text that is
 * appended waits for its window, then it may be told. Each unit is copied a bounded number of times, whatever the length.
 */
export class StreamText {
  readonly #threadId: string;
  readonly #id: string;
  readonly #chunks: string[] = [];
  /** Where each chunk begins. */
  readonly #starts: number[] = [];
  readonly #frames = new Map<number, TextFrame>();
  #told = 0;
  #pending = '';

  constructor(threadId: string, id: string) {
    this.#threadId = threadId;
    this.#id = id;
  }

  /** Of all that was appended. */
  get length(): number {
    return this.#told + this.#pending.length;
  }

  /** Up to here connections may be told. */
  get told(): number {
    return this.#told;
  }

  /** There is something to tell: half of a surrogate pair waits for the other half. */
  get isPending(): boolean {
    return this.#pending.length > (endsInPair(this.#pending) ? 1 : 0);
  }

  /** All that was appended. */
  get whole(): string {
    return this.#chunks.join('') + this.#pending;
  }

  append(text: string): void {
    this.#pending += text;
  }

  /** The window is over: what was appended may be told; answers with it. */
  takePending(): string {
    const end = this.#pending.length - (endsInPair(this.#pending) ? 1 : 0);
    const text = this.#pending.slice(0, end);
    if (text === '') return text;
    this.#pending = this.#pending.slice(end);
    this.#chunks.push(text);
    this.#starts.push(this.#told);
    this.#told += text.length;
    this.#frames.clear();
    return text;
  }

  /** The nearest position not after `at` where a frame may begin. */
  align(at: number): number {
    const from = Math.min(at, this.#told);
    return from > 0 && from < this.#told && isLow(this.slice(from, 1)) && isHigh(this.slice(from - 1, 1))
      ? from - 1
      : from;
  }

  /** What was told from there on, at most so many units. */
  slice(from: number, limit: number): string {
    let index = this.#indexOf(from);
    let text = (this.#chunks[index] ?? '').slice(from - (this.#starts[index] ?? 0));
    while (text.length < limit && ++index < this.#chunks.length) text += this.#chunks[index] ?? '';
    return text.slice(0, limit);
  }

  /** The frame that brings a connection on from there. Never cuts a surrogate pair. */
  frame(from: number): TextFrame {
    const known = this.#frames.get(from);
    if (known !== undefined) return known;
    let text = this.slice(from, MAX_FRAME_UNITS);
    if (from + text.length < this.#told && endsInPair(text)) text = text.slice(0, -1);
    const json = `{"t":"tok","th":"${this.#threadId}","s":"${this.#id}","at":${from},"d":${JSON.stringify(text)}}`;
    const [[bytes = EMPTY] = []] = encodeText(json).pieces;
    const frame = { bytes, to: from + text.length };
    // the oldest goes: what nearly all need is soon made again, what one needs is not needed twice
    if (this.#frames.size >= CACHED_FRAMES) this.#frames.delete(this.#frames.keys().next().value ?? from);
    this.#frames.set(from, frame);
    return frame;
  }

  /** The chunk that holds this position. */
  #indexOf(at: number): number {
    return Math.max(0, countUpTo(this.#starts, at) - 1);
  }
}

const EMPTY = new Uint8Array(0);

const isHigh = (unit: string): boolean => /^[\uD800-\uDBFF]$/.test(unit);
const isLow = (unit: string): boolean => /^[\uDC00-\uDFFF]$/.test(unit);

/** Its last unit is the first half of a surrogate pair. */
function endsInPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}
