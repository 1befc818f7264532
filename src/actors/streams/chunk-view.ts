import type { Piece } from '../../api/socket.ts';
import type { ChunkFollower } from '../../api/protocol.ts';
import { encodeAround } from '../../infra/wire/frames.ts';
import type { ChunkFold } from './chunk-fold.ts';
import type { StreamContent } from './stream-content.ts';
import type { StreamState } from './stream-state.ts';

/** The connection that a view writes to. */
export interface ViewWriter {
  /** The socket accepts bytes, and no other data of the connection waits to be written. */
  readonly canWrite: boolean;
  /** Another thread of the connection has something to write. */
  readonly isBehindElsewhere: boolean;
  /** Only when `canWrite`. */
  writePiece(piece: Piece, bytes: number): void;
}

/** Chunks that one visit writes before other connections have their turn. */
const CHUNKS_PER_VISIT = 256;

/**
 * Follows one stream chunk by chunk, for a protocol that numbers the chunks of each of its requests. A view that is behind costs its
 * position: what it has still to get stays with the stream.
 */
export class ChunkView {
  readonly stream: StreamState;
  readonly #follower: ChunkFollower;
  /** Chunks below are a replay, in which transient ones do not come again. */
  readonly #replayTo: number;
  /** Positions that this view leaves out. */
  readonly #except: readonly [from: number, to: number] | undefined;
  at = 0;
  /** The first big chunk that others have passed. */
  #lateAt = Infinity;
  #isLateDue = false;
  #count = 0;
  #isDone = false;

  constructor(stream: StreamState, follower: ChunkFollower, except?: readonly [from: number, to: number]) {
    this.stream = stream;
    this.#follower = follower;
    this.#replayTo = stream.content.told;
    this.#except = except;
    stream.views.add(this);
  }

  /** Chunks, or the end, are still to be written. */
  get isOwed(): boolean {
    return !this.#isDone && (this.at < this.stream.content.told || this.#lateAt < Infinity || this.stream.isOver);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Writes what follows, as far as the socket accepts it; true when nothing is left. */
  visit(writer: ViewWriter): boolean {
    const { content } = this.stream;
    if (this.#isDone) return true;
    for (let steps = 0; this.at < content.told; steps++) {
      if (steps >= CHUNKS_PER_VISIT || !writer.canWrite) return false;
      const fold = content.next(this.at);
      if (fold === 'inside') return this.#end('lost');
      if (fold?.order === 'last' && this.#lateAt < Infinity) break;
      this.at = fold?.to ?? content.told;
      if (fold === undefined || (fold.isTransient && fold.at < this.#replayTo) || this.#isLeftOut(fold.at)) continue;
      if (fold.order === 'late') this.#lateAt = Math.min(this.#lateAt, fold.at);
      else this.#write(fold, writer);
    }
    if (this.#lateAt < Infinity) return this.#visitLate(content, writer);
    return !this.stream.isOver || content.isPending ? true : this.#end('over');
  }

  /**
   * A frame that has begun cannot be passed by another one: of the connection's chunks, a big one is the last. Other threads have had a turn
   * since those that pass it were written.
   */
  #visitLate(content: StreamContent, writer: ViewWriter): boolean {
    const isTurn = this.#isLateDue;
    this.#isLateDue = !isTurn;
    if (!isTurn || !writer.canWrite || writer.isBehindElsewhere) return false;
    const fold = content.lateFrom(this.#lateAt);
    if (fold !== undefined) this.#write(fold, writer);
    let next = fold;
    do next = next && content.lateFrom(next.to);
    while (next !== undefined && this.#isLeftOut(next.at));
    this.#lateAt = next !== undefined && next.at < this.at ? next.at : Infinity;
    return false;
  }

  #write(fold: ChunkFold, writer: ViewWriter): void {
    const head = Buffer.from(this.#follower.head(this.#count++));
    const { piece, bytes } = encodeAround(head, fold.shared, this.#follower.tail);
    writer.writePiece(piece, bytes);
  }

  /** Follows no longer. */
  close(): void {
    this.#isDone = true;
    this.stream.views.delete(this);
  }

  /** Nothing more will come, and its client is notified. */
  lose(): void {
    if (!this.#isDone) this.#end('lost');
  }

  #isLeftOut(at: number): boolean {
    return this.#except !== undefined && at >= this.#except[0] && at < this.#except[1];
  }

  #end(how: 'over' | 'lost'): true {
    this.close();
    this.#follower.onEnd(how, { chunks: this.#count, last: this.stream.content.last });
    return true;
  }
}

/** The views of one connection in one thread. */
export class ChunkViews {
  readonly #views = new Set<ChunkView>();

  get size(): number {
    return this.#views.size;
  }

  get isOwed(): boolean {
    for (const view of this.#views) if (view.isOwed) return true;
    return false;
  }

  add(view: ChunkView): void {
    this.#views.add(view);
  }

  delete(view: ChunkView): void {
    view.close();
    this.#views.delete(view);
  }

  /** True when nothing is left to write. */
  visit(writer: ViewWriter): boolean {
    let isDone = true;
    for (const view of this.#views) {
      isDone = view.visit(writer) && isDone;
      if (view.isDone) this.#views.delete(view);
    }
    return isDone;
  }

  /** The connection leaves the thread, or was taken out of it: what is followed ends without its end. */
  end(): void {
    const views = [...this.#views];
    this.#views.clear();
    for (const view of views) view.lose();
  }
}
