import type { Entry } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import type { Piece } from '../../api/socket.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { GapReason } from './gap-reason.ts';
import type { JoinedFrame } from './joined-frames.ts';
import type { PieceWatcher } from './piece-watcher.ts';
import type { ChunkReading } from '../streams/text-reader.ts';
import { LogCursor } from './log-cursor.ts';
import type { WriteBatch } from './write-batch.ts';
import type { Home, Subscriber } from './subscriber.ts';

/**
 * The cursor of a connection, and how it writes entries. Code that follows a message asks it whose cursor it is and whether the whole message was handed over.
 * @typeParam Member the subscription
 */
export abstract class ConnectionCursor<Member> extends LogCursor<Home<Member>> implements PieceWatcher {
  readonly subscriber: Subscriber<Member>;
  /** The line takes no piece of a big chunk before a signal. */
  protected waitsForPiece = false;
  /** The number of this join of the thread. Comparing two numbers tells which member joined first. */
  readonly serial: number;
  readonly writer: FrameWriter;
  /** The next visit notifies the client: ten thousand notices at once would block the event loop. */
  #owedGap: GapReason | undefined;
  /** The client pays for entries up to here: its connection has been given them before. */
  rereadTo = 0;
  /** The client may have received entries up to here before; 0 if it has nothing of this thread. */
  readonly #from: number;

  /** @param start `isFromStart`: the client asks for all that the log holds, it has nothing of this thread */
  constructor(
    subscriber: Subscriber<Member>,
    home: Home<Member>,
    start: {
      readonly tail: LogTail;
      readonly after: number;
      readonly isFromStart?: boolean | undefined;
      readonly serial: number;
      readonly reading?: ChunkReading | undefined;
    },
  ) {
    super(home, start.tail, start.after);
    this.subscriber = subscriber;
    this.serial = start.serial;
    this.writer = subscriber.writer;
    this.reading = start.reading;
    this.#from = start.isFromStart === true ? 0 : start.after;
  }

  get threadId(): string {
    return this.home.id;
  }

  get canWrite(): boolean {
    return this.writer.admit('message') === 'now';
  }

  /** The connection has ended and will leave the thread soon. */
  get isGone(): boolean {
    return this.writer.isAbandoned;
  }

  protected get owesGap(): boolean {
    return this.#owedGap !== undefined;
  }

  /** Of two resets at once, a new epoch says more. */
  protected oweGap(why: GapReason): void {
    if (this.#owedGap !== 'epoch') this.#owedGap = why;
  }

  /** Notifies the client of a reset of the log, unless it has been notified. */
  tellReset(): void {
    const why = this.#owedGap;
    if (why === undefined || this.isEnded) return;
    this.#owedGap = undefined;
    this.subscriber.tellGap(this.threadId, why, formatPosition(this.position));
    this.home.streams?.forget(this);
  }

  override isExcepted({ except }: Entry): boolean {
    return except !== undefined && this.subscriber.isExcepted(except);
  }

  /** Only the first pieces of this message have been handed to the socket. */
  isWriting(entry: Entry): boolean {
    return this.writer.writing === entry;
  }

  /** The streams of chunks that the client reads. */
  reading: ChunkReading | undefined;

  takes(codec: string | undefined): boolean {
    if (this.writer.variant.format === 'plain') return false;
    return codec === undefined || this.reading?.codecs.has(codec) === true;
  }

  get takesLate(): boolean {
    return this.reading?.takesLate === true;
  }

  get isBehindElsewhere(): boolean {
    return this.subscriber.isBehindElsewhere(this.threadId);
  }

  admitPiece(): boolean {
    const clearance = this.subscriber.admitPart();
    this.waitsForPiece = clearance === 'signal';
    return clearance === 'now';
  }

  /** Only the rest of a stream's big chunk waits, for a signal. */
  protected get isHeldByPiece(): boolean {
    return this.waitsForPiece && (!this.isBehind || this.home.streams?.owesEnd(this) === true);
  }

  writePiecemeal(bytes: Uint8Array): void {
    this.writer.writeRun(bytes, 0);
    this.subscriber.followPart(undefined, false);
  }

  writePiece(piece: Piece, bytes: number): void {
    this.writer.writePiece(piece, bytes, 1);
  }

  writeFrame(piece: Piece, bytes: number): void {
    const [first] = piece;
    if (first !== undefined && piece.length === 1) this.writer.writeRun(first, 0);
    else this.writer.writePiece(piece, bytes, 0);
  }

  /** Writes a frame of values; only when `canWrite`. */
  writeText(bytes: Uint8Array): void {
    this.writer.writeRun(bytes, 0);
  }

  /** Notifies the client that a stream it knows will not end, because its publisher is gone. */
  tellLost(streamId: string): void {
    if (!this.isEnded) this.subscriber.tellLost(this.threadId, streamId);
  }

  /** The outcome belongs to the connection, whichever subscription it has meanwhile. */
  protected override get reader(): object {
    return this.subscriber;
  }

  /**
   * Writes joined frames and passes their entries. Only when `canWrite`.
   * @param via a batch, or a flight: false if no sender takes it
   */
  protected writeRun(run: JoinedFrame, via: WriteBatch | 'flight' | undefined): boolean {
    const { piece, bytes, entries } = run;
    if (via === 'flight' && !this.writer.flyRun(piece, bytes.length, entries.length)) return false;
    if (via === undefined) this.writer.writeRun(bytes, entries.length);
    else if (via !== 'flight') this.writer.board(piece, bytes.length, entries.length, via);
    for (const entry of entries) this.noteWritten(entry);
    this.home.counters.deliveries += entries.length;
    if (run.isTraced) this.subscriber.traceRun(run);
    const isReread = this.cursor < this.rereadTo;
    this.cursor = run.to;
    if (isReread) this.subscriber.rereads(entries.length, bytes.length);
    return true;
  }

  /**
   * Writes an entry, of a big one the first piece. Only when `canWrite`.
   * @param isAhead it overtakes entries before it
   */
  protected write(entry: Entry, isAhead: boolean, batch?: WriteBatch): void {
    const writer = this.writer;
    const { format, window, takesBytes } = writer.variant;
    const frame = entry.frame(isAhead && format === 'json' ? 'ahead' : format, window, takesBytes);
    const piece = frame.body === undefined ? frame.pieces[0] : undefined;
    if (batch !== undefined && piece !== undefined) {
      writer.board(piece, frame.bytes, 1, batch);
      this.onWhole(entry, frame.bytes);
      return;
    }
    writer.write(frame, entry, this);
    if (writer.writing !== undefined) this.subscriber.goOn(entry);
  }

  /** An edit or a removal of what the client has not received, or has received as it is now. */
  protected isMoot(entry: Entry): boolean {
    const { kind, offset, targetOffset } = entry;
    if (kind === 'message') return false;
    if (kind === 'remove' && this.writer.variant.format === 'plain') return true;
    if (targetOffset === undefined || offset > this.startedAt) return false;
    // an earlier connection of the client may have received it ahead of its position: the client ignores it now, but not this
    if (this.writer.variant.format === 'json' && this.tail.at(targetOffset)?.lane === 'critical') return false;
    // other joins of the client have what the connection was given, but lack what waits
    const received = offset > this.rereadTo ? Math.max(this.#from, this.rereadTo) : this.#from;
    const { first } = this.tail;
    // a message that is sent again after the log dropped it is a new entry: the client may have the first, and ignores a removal of none
    if (kind === 'remove' && received > 0 && first > 1) return false;
    return targetOffset > received && targetOffset >= first;
  }

  // --- PieceWatcher

  onWhole(entry: Entry, bytes: number): void {
    this.noteWritten(entry);
    this.home.counters.deliveries++;
    if (entry.trace !== undefined) this.subscriber.traceWritten(entry, bytes);
  }

  onCut(entry: Entry): void {
    this.noteCut(entry);
    if (entry.trace !== undefined) this.subscriber.traceMiss(entry, 'evicted');
  }
}
