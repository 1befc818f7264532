import type { Codec } from '../../api/definition.ts';
import { UnserializableMessageError } from '../../infra/errors.ts';
import { ArrivingChunk, piecesOf } from './arriving-chunk.ts';
import type { BigJson } from './big-json.ts';
import { ChunkFold, type FoldFacts } from './chunk-fold.ts';
import { chunkForm } from './chunk-form.ts';
import { FoldList } from './fold-list.ts';
import { foldInto, holdBack, orderOf } from './folding.ts';
import type { Replica, ReplicatedFold, ReplicatedPiece } from './replica.ts';
import type { StreamForm } from './stream-form.ts';
import { StreamFrames, type ContentPage, type StreamFrame } from './stream-frames.ts';
import { TEXT } from './text-form.ts';

/** Size at which a frame or node message takes no more folds, in UTF-16 units of JSON: a long stream must not keep other data from the socket. */
const MAX_FRAME_UNITS = 64 * 1024;

/**
 * What a stream holds, as a log of its own with positions. Content waits for the end of its window, then it may be sent. The chunks of one
 * window are folded at once. Older ones are folded across windows, except where a reader stands that could not go on within a fold: so a
 * late joiner gets O(content), and a slow reader never needs what it has had.
 */
export class StreamContent {
  readonly form: StreamForm;
  /** The name of the codec; undefined for text. */
  readonly codec: string | undefined;
  /** Where the stream's readers stand. */
  readonly #positions: () => Iterable<number>;
  /** What was released. */
  readonly #folds = new FoldList();
  readonly #frames: StreamFrames;
  #pending: ChunkFold[] = [];
  /** Positions at the end of what is pending that wait for what comes next. */
  #heldBack = 0;
  /** Big ones that others may pass. */
  #late: ChunkFold[] = [];
  /** The next one, of another process. */
  #arriving: ArrivingChunk | undefined;
  #told = 0;
  #length = 0;
  #size = 0;
  /** The position at which the newest window begins. */
  #windowAt = 0;

  /** @param codec undefined for text */
  constructor(threadId: string, id: string, codec: Codec | undefined, positions: () => Iterable<number>) {
    this.form = codec === undefined ? TEXT : chunkForm(codec);
    this.codec = this.form.name;
    this.#frames = new StreamFrames(threadId, id, this.form);
    this.#positions = positions;
  }

  /** The position after everything that was written. */
  get length(): number {
    return this.#length;
  }

  /** Content up to here may be sent to connections. */
  get told(): number {
    return this.#told;
  }

  /** Size of all chunks, as the codec counts them. */
  get size(): number {
    return this.#size;
  }

  /** Chunks that are kept of them. */
  get folds(): number {
    return this.#folds.size + this.#pending.length;
  }

  /** Content can be released. */
  get isPending(): boolean {
    return this.#length - this.#told > this.#heldBack;
  }

  /**
   * @param big its JSON, if that is not small
   * @throws what the codec throws, and UnserializableMessageError for a chunk that has no JSON; nothing was written then
   */
  write(chunk: unknown, bytes: number, big?: BigJson): void {
    // a frame for all cannot fail
    if (chunk === undefined || typeof chunk === 'function' || typeof chunk === 'symbol')
      throw new UnserializableMessageError({ reason: `${typeof chunk} is no JSON value` });
    const isTransient = this.form.codec.isTransient?.(chunk) === true;
    const order = orderOf(this.form.codec, chunk, big);
    this.#put({
      at: this.#length,
      to: this.#length + this.form.lengthOf(chunk),
      chunk,
      bytes,
      isTransient,
      order,
      big,
    });
  }

  /** @throws TypeError if the codec gives no number */
  sizeOf(chunk: unknown): number {
    const size: unknown = this.form.codec.sizeOf(chunk);
    if (typeof size === 'number' && size >= 0) return size;
    throw new TypeError(`sizeOf of codec ${this.codec} gives no size`);
  }

  /** The window is over: releases what was written. Returns how much that is, as the codec counts it. */
  takePending(): number {
    if (!this.isPending) return 0;
    const released = this.#pending;
    this.#folds.dropTransient(this.#windowAt);
    this.#pending = holdBack(this.form, released, this.#heldBack);
    this.#windowAt = this.#told;
    let size = 0;
    for (const fold of released) {
      size += fold.bytes;
      this.#folds.push(fold);
      if (fold.order === 'late') this.#late.push(fold);
    }
    this.#told = this.#length - this.#heldBack;
    this.#frames.clear();
    const { keptWindows, windowsTogether } = this.form;
    if (this.#folds.unsettled > keptWindows + windowsTogether)
      this.#folds.settle(keptWindows, (folds) => this.form.settle(folds, this.#positions));
    return size;
  }

  /** The nearest position not after `at` where a connection may go on. */
  align(at: number): number {
    const from = Math.min(at, this.#told);
    const fold = this.#folds.after(from);
    return fold !== undefined && fold.at < from ? this.form.resumeWithin(fold, from) : from;
  }

  /** The newest chunk that was released, but for transient ones. */
  get last(): unknown {
    const last = this.#folds.all.findLast(({ isTransient }) => !isTransient);
    return last?.isUnread === true ? undefined : last?.chunk;
  }

  /** Big ones of other processes whose JSON was not parsed yet. `final` parses them in one go. */
  get unread(): readonly ChunkFold[] {
    return [...this.#folds.all, ...this.#pending].filter(({ isUnread }) => isUnread);
  }

  /** Pieces that have arrived of the big chunk that comes next. */
  get begun(): number {
    return this.#arriving?.at === this.#length ? this.#arriving.count : 0;
  }

  /** The released fold after this position; undefined if there is none, `inside` if the position is within one. */
  next(at: number): ChunkFold | 'inside' | undefined {
    const fold = this.#folds.after(at);
    return fold !== undefined && fold.at < at ? 'inside' : fold;
  }

  /** The next frame for a connection at this position. It begins at 0 if the position is within a fold that cannot be cut. */
  frame(from: number): StreamFrame {
    return this.#frames.known(from) ?? this.#frames.make(from, this.#pageFrom(from, false), false);
  }

  /** The next frame for a client that gets big chunks later: it has their positions. It ends before a chunk that waits for them. */
  passingFrame(from: number): StreamFrame {
    return this.#frames.known(from, true) ?? this.#frames.make(from, this.#pageFrom(from, true), true);
  }

  /** There are big chunks that others may pass. */
  get hasLate(): boolean {
    return this.#late.length > 0;
  }

  /** The first one of them from this position on. */
  lateFrom(at: number): ChunkFold | undefined {
    return this.#late.find((fold) => fold.at >= at);
  }

  /** The next chunk waits for all that were passed. */
  isLastAt(at: number): boolean {
    return this.#folds.after(at)?.order === 'last';
  }

  /** A piece of such a chunk. */
  latePiece(fold: ChunkFold, n: number): Uint8Array {
    return this.#frames.piece(fold, n);
  }

  /** The final message. @throws what the codec throws */
  final(fields: Readonly<Record<string, unknown>>, aborted: string | undefined): unknown {
    const kept = [...this.#folds.all, ...this.#pending].filter(({ isTransient }) => !isTransient);
    return this.form.end(kept, fields, aborted);
  }

  /**
   * What other processes need that have everything before `from`: in pieces of a limited size. What is released while they are read is in
   * them, too.
   * @param piece of the big chunk at `from`, to go on from
   */
  *replicas(from: number, piece: number): Generator<Replica, undefined> {
    for (let at = this.align(from); at < this.#told;) {
      const { folds, to } = this.#page(at, 'apart');
      const [fold] = folds;
      if (fold?.big === undefined) yield { at, to, d: this.form.replicaOf(folds) };
      else yield* piecesOf(fold, at, to, at === from ? piece : 0);
      at = to;
    }
    return undefined;
  }

  /** Takes content from another process; what is known is left out. False if something between is missing. */
  take({ at, to, d }: Replica): boolean {
    if (at > this.#length || (this.form === TEXT) !== (typeof d === 'string')) return at <= this.#length;
    if (typeof d === 'string') return this.#takeText(d.slice(this.#length - at));
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

  #takeText(text: string): true {
    this.write(text, text.length);
    return true;
  }

  #takePiece(at: number, to: number, piece: ReplicatedPiece): boolean {
    if (this.#arriving?.at !== at) this.#arriving = new ArrivingChunk(at);
    const big = this.#arriving.take(piece);
    if (typeof big === 'string') return big === 'known';
    this.#arriving = undefined;
    const { isTransient, order } = piece;
    this.#put({ at, to, chunk: undefined, bytes: big.bytes, isTransient, order, big });
    return true;
  }

  #takeFold([at, to, chunk, transient]: ReplicatedFold): void {
    if (at < this.#length || to <= at) return;
    this.#length = at;
    const bytes = this.sizeOf(chunk);
    const order = orderOf(this.form.codec, chunk);
    this.#put({ at, to, chunk, bytes, isTransient: transient === 1, order });
  }

  /** Folds it into the last one of this window, if they fold. */
  #put(facts: FoldFacts): void {
    if (facts.to === facts.at) return;
    const { codec, maxFoldSize } = this.form;
    const last = this.#pending.at(-1);
    if (last === undefined || !foldInto(codec, last, facts, maxFoldSize)) this.#pending.push(new ChunkFold(facts));
    this.#length = facts.to;
    this.#size += facts.bytes;
    this.#heldBack = this.form.heldBack(facts.chunk);
  }

  #pageFrom(from: number, isPassing: boolean): ContentPage {
    const isLive = from >= this.#windowAt && (from > 0 || this.#windowAt === 0);
    const at = this.align(from);
    return { at, isLive, ...this.#page(at, isPassing ? 'passing' : undefined) };
  }

  /**
   * The folds of a frame from this position on, and the position after them.
   * @param how `passing`: it ends before one that waits for big ones. `apart`: a big one is alone
   */
  #page(at: number, how?: 'passing' | 'apart'): { readonly folds: readonly ChunkFold[]; readonly to: number } {
    const { all } = this.#folds;
    const first = this.#folds.indexAfter(at);
    let units = 0;
    let end = first;
    for (; units < MAX_FRAME_UNITS; end++) {
      const fold = all[end];
      if (fold === undefined) break;
      if (how === 'passing' && fold.order === 'last' && end > first) break;
      if (how === 'apart' && fold.big !== undefined && end > first) break;
      if (how !== 'passing' || fold.order !== 'late') units += this.form.unitsFrom(fold, at);
    }
    const folds = all.slice(first, end);
    const next = all[end]?.at ?? this.#told;
    const to = this.form.cut !== undefined && units > MAX_FRAME_UNITS ? this.align(at + MAX_FRAME_UNITS) : next;
    return { folds: this.form.cut?.(folds, at, to) ?? folds, to };
  }

  #clear(): void {
    this.#folds.clear();
    this.#pending = [];
    this.#late = [];
    this.#arriving = undefined;
    this.#frames.clear();
    this.#told = this.#length = this.#size = this.#windowAt = this.#heldBack = 0;
  }
}
