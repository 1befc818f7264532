import { countUpTo } from '../../infra/sorted-search.ts';
import type { Codec } from '../../api/definition.ts';
import { IN_PARTS_ABOVE_BYTES } from '../../infra/wire/part-frames.ts';
import { UnserializableMessageError } from '../../infra/errors.ts';
import { ArrivingChunk } from './arriving-chunk.ts';
import type { BigJson } from './big-json.ts';
import { ChunkFold } from './chunk-fold.ts';
import { ChunkFrames, type ChunkPage } from './chunk-frames.ts';
import { foldAll, foldTwo } from './folding.ts';
import type { Replica, ReplicatedFold, ReplicatedPiece, StreamContent, StreamFrame } from './stream-content.ts';

/** Size at which a frame or node message takes no more folds, in UTF-16 units of JSON. */
const MAX_FRAME_UNITS = 64 * 1024;

/** Newest folds that stay as their windows had them, so that connections a little behind go on where they are: 5 s at 40 ms. */
const KEPT_FOLDS = 128;

/**
 * Chunks with a codec. A position is the number of chunks before it. The chunks of one window are folded at once. Older ones are folded
 * across windows, except where a reader stands: so a late joiner gets O(content), and a slow reader never needs what it has had.
 */
export class StreamChunks implements StreamContent {
  readonly #codec: Codec;
  /** Where the stream's readers stand. */
  readonly #positions: () => Iterable<number>;
  #folds: ChunkFold[] = [];
  /** The position before each of the folds. */
  #starts: number[] = [];
  /** Folds before this index are folded as far as they go. */
  #settled = 0;
  #pending: ChunkFold[] = [];
  /** Big ones that others may pass. */
  #late: ChunkFold[] = [];
  /** The next one, of another process. */
  #arriving: ArrivingChunk | undefined;
  readonly #frames: ChunkFrames;
  #told = 0;
  #length = 0;
  #bytes = 0;
  /** The position at which the newest window begins. */
  #windowAt = 0;

  constructor(threadId: string, id: string, codec: Codec, positions: () => Iterable<number>) {
    this.#frames = new ChunkFrames(threadId, id, codec.name);
    this.#codec = codec;
    this.#positions = positions;
  }

  get codec(): string {
    return this.#codec.name;
  }

  get length(): number {
    return this.#length;
  }

  get told(): number {
    return this.#told;
  }

  /** Bytes of all chunks, as the codec counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Chunks that are kept of them. */
  get folds(): number {
    return this.#folds.length + this.#pending.length;
  }

  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * @param big its JSON, if that is not small
   * @throws what the codec throws, and UnserializableMessageError for a chunk that has no JSON; nothing was written then
   */
  write(chunk: unknown, bytes: number, big?: BigJson): void {
    // a frame for all cannot fail
    if (chunk === undefined || typeof chunk === 'function' || typeof chunk === 'symbol')
      throw new UnserializableMessageError({ reason: `${typeof chunk} is no JSON value` });
    const isTransient = this.#codec.isTransient?.(chunk) === true;
    const order = this.#orderOf(chunk, big);
    this.#put(new ChunkFold({ at: this.#length, to: this.#length + 1, chunk, bytes, isTransient, order, big }));
  }

  /** @throws TypeError if the codec gives no number */
  sizeOf(chunk: unknown): number {
    const bytes: unknown = this.#codec.sizeOf(chunk);
    if (typeof bytes === 'number' && bytes >= 0) return bytes;
    throw new TypeError(`sizeOf of codec ${this.codec} gives no size`);
  }

  takePending(): number {
    const released = this.#pending;
    if (released.length === 0) return 0;
    this.#dropTransient();
    this.#pending = [];
    this.#windowAt = this.#told;
    let bytes = 0;
    for (const fold of released) {
      bytes += fold.bytes;
      this.#folds.push(fold);
      this.#starts.push(fold.at);
      if (fold.order === 'late') this.#late.push(fold);
    }
    this.#told = this.#length;
    this.#frames.clear();
    if (this.#folds.length - this.#settled > 2 * KEPT_FOLDS) this.#settle();
    return bytes;
  }

  align(at: number): number {
    const from = Math.min(at, this.#told);
    return this.next(from) === 'inside' ? 0 : from;
  }

  /** The newest chunk that was released, but for transient ones. */
  get last(): unknown {
    const last = this.#folds.findLast(({ isTransient }) => !isTransient);
    return last?.isUnread === true ? undefined : last?.chunk;
  }

  /** Big ones of other processes whose JSON was not parsed yet. `final` parses them in one go. */
  get unread(): readonly ChunkFold[] {
    return [...this.#folds, ...this.#pending].filter(({ isUnread }) => isUnread);
  }

  get begun(): number {
    return this.#arriving?.at === this.#length ? this.#arriving.count : 0;
  }

  /** The released fold after this position; undefined if there is none, `inside` if the position is within one. */
  next(at: number): ChunkFold | 'inside' | undefined {
    const fold = this.#folds[this.#indexAfter(at)];
    return fold !== undefined && fold.at < at ? 'inside' : fold;
  }

  frame(from: number): StreamFrame {
    return this.#frames.frame(from, false, () => this.#pageFrom(from));
  }

  /** The next frame for a client that gets big chunks later: it has their positions. It ends before a chunk that waits for them. */
  passingFrame(from: number): StreamFrame {
    if (this.#late.length === 0) return this.frame(from);
    return this.#frames.frame(from, true, () => this.#pageFrom(from, true));
  }

  /** The first big chunk from this position on that others may pass. */
  lateFrom(at: number): ChunkFold | undefined {
    return this.#late.find((fold) => fold.at >= at);
  }

  /** The next chunk waits for all that were passed. */
  isLastAt(at: number): boolean {
    return this.#folds[this.#indexAfter(at)]?.order === 'last';
  }

  /** A piece of such a chunk. */
  latePiece(fold: ChunkFold, n: number): Uint8Array {
    return this.#frames.piece(fold, n);
  }

  final(_: Readonly<Record<string, unknown>>, aborted: string | undefined): unknown {
    const all = [...this.#folds, ...this.#pending].filter(({ isTransient }) => !isTransient);
    // folded to the end, so that a codec that ends in a list ends in a short one
    const message: unknown = this.#codec.end(foldAll(this.#codec, all, NO_PINS).map(({ chunk }) => chunk));
    return aborted !== undefined && typeof message === 'object' && message !== null ? { ...message, aborted } : message;
  }

  *replicas(from: number, piece: number): Generator<Replica, undefined> {
    const first = this.align(from);
    for (let at = first; at < this.#told;) {
      const { folds, to } = this.#page(at, 'apart');
      const [fold] = folds;
      if (fold?.big === undefined) yield { at, to, d: folds.map((each) => each.replica) };
      else yield* piecesOf(fold, at, to, at === from ? piece : 0);
      at = to;
    }
    return undefined;
  }

  take({ at, to, d }: Replica): boolean {
    if (at > this.#length || typeof d === 'string') return at <= this.#length;
    if ('n' in d) return at < this.#length || this.#takePiece(at, to, d);
    const known = this.#length;
    // the other process has folded over the position that is reached here
    if (d.some(([from, end]) => from < known && known < end)) {
      if (d[0]?.[0] !== 0) return false;
      this.#clear();
    }
    for (const fold of d) this.#takeFold(fold);
    return true;
  }

  #takePiece(at: number, to: number, piece: ReplicatedPiece): boolean {
    if (this.#arriving?.at !== at) this.#arriving = new ArrivingChunk(at);
    const big = this.#arriving.take(piece);
    if (typeof big === 'string') return big === 'known';
    this.#arriving = undefined;
    const { isTransient, order } = piece;
    this.#put(new ChunkFold({ at, to, chunk: undefined, bytes: big.bytes, isTransient, order, big }));
    return true;
  }

  #takeFold([at, to, chunk, transient]: ReplicatedFold): void {
    if (at < this.#length || to <= at) return;
    this.#length = at;
    const bytes = this.sizeOf(chunk);
    const order = this.#orderOf(chunk);
    this.#put(new ChunkFold({ at, to, chunk, bytes, isTransient: transient === 1, order }));
  }

  #orderOf(chunk: unknown, big?: BigJson): 'late' | 'last' | undefined {
    const order = this.#codec.order?.(chunk);
    return order === 'late' && (big?.bytes ?? 0) <= IN_PARTS_ABOVE_BYTES ? undefined : order;
  }

  /** Folds it into the last one of this window, if they fold. */
  #put(fold: ChunkFold): void {
    const last = this.#pending.at(-1);
    const both = last && foldTwo(this.#codec, last, fold);
    if (both === undefined) this.#pending.push(fold);
    else this.#pending[this.#pending.length - 1] = both;
    this.#length = fold.to;
    this.#bytes += fold.bytes;
  }

  #pageFrom(from: number, isPassing = false): ChunkPage {
    const isLive = from >= this.#windowAt && (from > 0 || this.#windowAt === 0);
    const at = this.align(from);
    return { at, isLive, ...this.#page(at, isPassing ? 'passing' : undefined) };
  }

  /**
   * The folds of a frame from this position on, and the position after them.
   * @param how `passing`: it ends before one that waits for big ones. `apart`: a big one is alone
   */
  #page(at: number, how?: 'passing' | 'apart'): { readonly folds: readonly ChunkFold[]; readonly to: number } {
    const first = this.#indexAfter(at);
    let units = 0;
    let end = first;
    while (end < this.#folds.length && units < MAX_FRAME_UNITS) {
      const fold = this.#folds[end];
      if (how === 'passing' && fold?.order === 'last' && end > first) break;
      if (how === 'apart' && fold?.big !== undefined && end > first) break;
      if (how !== 'passing' || fold?.order !== 'late') units += fold?.units ?? 0;
      end++;
    }
    const to = end === this.#folds.length ? this.#told : (this.#starts[end] ?? this.#told);
    return { folds: this.#folds.slice(first, end), to };
  }

  /** The first fold that ends after this position. */
  #indexAfter(at: number): number {
    const index = countUpTo(this.#starts, at) - 1;
    const fold = this.#folds[index];
    return fold !== undefined && fold.to > at ? index : index + 1;
  }

  /** Transient chunks of earlier windows: connections that keep up have had them. */
  #dropTransient(): void {
    let index = countUpTo(this.#starts, this.#windowAt - 1);
    for (; index < this.#folds.length; index++) {
      if (this.#folds[index]?.isTransient !== true) continue;
      this.#folds.splice(index, 1);
      this.#starts.splice(index, 1);
      index--;
    }
  }

  #settle(): void {
    const end = this.#folds.length - KEPT_FOLDS;
    // the last settled one may go on
    const from = Math.max(0, this.#settled - 1);
    const settled = foldAll(this.#codec, this.#folds.slice(from, end), new Set(this.#positions()));
    this.#folds = [...this.#folds.slice(0, from), ...settled, ...this.#folds.slice(end)];
    this.#starts = this.#folds.map(({ at }) => at);
    this.#settled = from + settled.length;
  }

  #clear(): void {
    this.#folds = [];
    this.#starts = [];
    this.#pending = [];
    this.#late = [];
    this.#arriving = undefined;
    this.#frames.clear();
    this.#settled = this.#told = this.#length = this.#bytes = this.#windowAt = 0;
  }
}

function* piecesOf({ big, isTransient, order }: ChunkFold, at: number, to: number, first: number): Generator<Replica> {
  const of = big?.pieces ?? 0;
  for (let n = Math.min(first, of - 1); n < of; n++)
    yield { at, to, d: { n, of, text: big?.piece(n) ?? '', isTransient, order } };
}

const NO_PINS: ReadonlySet<number> = new Set();
