import type { Entry } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { GapReason } from './gap-reason.ts';
import type { PieceWatcher } from './piece-watcher.ts';
import { LogCursor } from './log-cursor.ts';
import type { Home, Subscriber } from './subscriber.ts';

/**
 * The cursor of a connection. Code that follows a message asks it whose cursor it is and whether the whole message was handed over.
 * @typeParam Member the subscription
 */
export abstract class ConnectionCursor<Member> extends LogCursor<Home<Member>> implements PieceWatcher {
  readonly subscriber: Subscriber<Member>;
  /** The number of this join of the thread. Comparing two numbers tells which member joined first. */
  readonly serial: number;
  readonly writer: FrameWriter;
  /** The next visit notifies the client: ten thousand notices at once would block the event loop. */
  #owedGap: GapReason | undefined;

  constructor(
    subscriber: Subscriber<Member>,
    home: Home<Member>,
    start: { readonly tail: LogTail; readonly after: number; readonly serial: number },
  ) {
    super(home, start.tail, start.after);
    this.subscriber = subscriber;
    this.serial = start.serial;
    this.writer = subscriber.writer;
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
    this.home.streams?.place(this);
  }

  override isExcepted({ except }: Entry): boolean {
    return except !== undefined && this.subscriber.isExcepted(except);
  }

  /** Only the first pieces of this message have been handed to the socket. */
  isWriting(entry: Entry): boolean {
    return this.writer.writing === entry;
  }

  /** Writes text of a stream; only when `canWrite`. */
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
