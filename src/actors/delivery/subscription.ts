import type { Entry } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import { ConnectionCursor } from './connection-cursor.ts';
import type { WriteBatch } from './write-batch.ts';
import { PartSender, type PartsRequest } from './part-sender.ts';
import type { JoinedFrame } from './joined-frames.ts';
import type { ChunkViews } from '../streams/chunk-view.ts';
import type { StreamRegistry } from '../streams/stream-registry.ts';
import type { Home, Subscriber } from './subscriber.ts';
import { BYTES_PER_VISIT, STEPS_PER_VISIT } from './visit-limits.ts';

/**
 * One connection in one thread: a cursor into the log. At any traffic, a connection that is behind costs these two numbers. No message is
 * queued for it.
 *
 * A visit of a subscription that keeps up touches only the subscription, its writer and its socket. With thousands of connections, each
 * further object is a miss of the processor's caches, which costs more than the code.
 */
export class Subscription extends ConnectionCursor<Subscription> {
  /** Set if the client receives big entries in parts. */
  parts: PartsRequest | undefined;
  /** Set for another protocol, which gets the streams that it follows, and no message. */
  readonly views: ChunkViews | undefined;
  /** No critical message overtakes others: a reader of the log as a stream. */
  readonly #isInOrder: boolean;
  /** Sends the big entry after the cursor, from its first part to its last. */
  #partStream: PartSender | undefined;
  /** See `ValueReader`. */
  valuesAt = Infinity;
  /** The cursor at which it waits for a signal, although the socket may accept messages. */
  #waitsAt = -1;

  constructor(
    subscriber: Subscriber<Subscription>,
    home: Home<Subscription>,
    start: {
      readonly tail: LogTail;
      readonly after: number;
      readonly isFromStart?: boolean | undefined;
      readonly serial: number;
      readonly parts?: PartsRequest | undefined;
      readonly reading?: ConnectionCursor<Subscription>['reading'];
      readonly views?: ChunkViews | undefined;
      readonly isInOrder?: boolean | undefined;
    },
  ) {
    super(subscriber, home, start);
    this.parts = start.parts;
    this.views = start.views;
    this.#isInOrder = start.isInOrder === true;
  }

  /** Token streams of the thread. */
  get streams(): StreamRegistry | undefined {
    return this.home.streams;
  }

  /** Its client reads the thread's values: it gets all of them, and pays for that. */
  takeValues(): void {
    if (this.writer.variant.format === 'plain') return;
    this.valuesAt = -1;
    this.home.openValues();
    this.subscriber.rereads(0, this.home.values?.wholeBytes ?? 0);
  }

  /** Leaves the thread. */
  leave(): void {
    this.home.unsubscribe(this);
  }

  /** Unlogged data may be written: no older entry waits, or only a big entry whose parts let others pass. */
  get isLive(): boolean {
    return !this.isBehind || this.#partStream !== undefined;
  }

  override end(): void {
    super.end();
    this.#endParts();
    this.views?.end();
  }

  override isExcepted(entry: Entry): boolean {
    return this.views !== undefined || super.isExcepted(entry);
  }

  /** The connection has been given everything up to here: before, or by this subscription, the last entry perhaps in part. */
  get readTo(): number {
    return Math.max(this.rereadTo, this.#partStream === undefined ? this.cursor : this.cursor + 1);
  }

  /** Messages or text of a stream are still to be written. */
  get isOwed(): boolean {
    const isOwed = this.isBehind || this.views?.isOwed === true || this.streams?.owes(this) === true;
    return isOwed || this.home.values?.owes(this) === true;
  }

  /**
   * Writes everything that follows the cursor, as far as the socket accepts it; true when nothing is left.
   *
   * @param batch collects small writes, to be made together with those of other connections
   */
  visit(batch?: WriteBatch): boolean {
    if (this.owesGap) this.tellReset();
    const { streams, views } = this;
    const { values } = this.home;
    if (values !== undefined && !this.isEnded && !values.offer(this)) return this.#wait();
    if (views !== undefined) return this.#visitViews(views);
    return streams === undefined || streams.size === 0 ? this.#visitLog(batch) : this.#visitAll(streams, batch);
  }

  #visitViews(views: ChunkViews): boolean {
    this.cursor = Math.max(this.cursor, this.tail.head);
    this.criticalCursor = this.cursor;
    return this.isEnded || views.size === 0 || views.visit(this) || this.#wait();
  }

  /** Messages missed before the join come first. After that, and between the parts of a big message, text precedes messages. */
  #visitAll(streams: StreamRegistry, batch?: WriteBatch): boolean {
    if (this.isEnded) return true;
    this.waitsForPiece = false;
    const frames = this.cursor >= this.startedAt || this.#partStream !== undefined ? streams.framesOwed(this) : 0;
    // a single write needs no cork, and may fly
    if (frames === 0) return this.#visitLog(batch) && (streams.offer(this) || this.#wait());
    if (frames === 1 && !this.isBehind) return streams.offer(this) || this.#wait();
    this.writer.cork();
    streams.offer(this);
    // the message of a stream waits for its last chunks, and only critical ones pass; once more after the messages: after a gap, text begins anew
    const isHeld = streams.owesEnd(this);
    // one that is in progress must not begin again
    if (isHeld && this.#partStream?.entry.lane !== 'critical') this.#overtake();
    const isDone = isHeld ? this.#wait() : this.#visitLog() && (streams.offer(this) || this.#wait());
    this.writer.uncork();
    return isDone;
  }

  /** Writes the entries after the cursor, critical ones first, as far as the socket accepts them; true when nothing is left. */
  #visitLog(batch?: WriteBatch): boolean {
    if (!this.isBehind || this.isEnded) return true;
    if (this.#partStream !== undefined) {
      if (!this.#goOn()) return this.#wait();
      if (!this.isBehind) return true;
    }
    if (this.cursor + 1 < this.tail.first && !this.#passTrimmed()) return this.#wait();
    if (this.tail.head === this.cursor + 1) return this.#step(batch) || this.#wait();
    const run = this.#nextRun();
    if (run?.to === this.tail.head) return this.#deliverRun(run, batch) || this.#wait();
    if (run !== undefined && !this.hasCriticalAhead && this.#deliverRun(run, 'flight')) return this.#wait();
    this.writer.cork();
    this.#overtake();
    let steps = this.#partStream === undefined ? 0 : STEPS_PER_VISIT;
    const end = this.writer.bytes + BYTES_PER_VISIT;
    while (steps++ < STEPS_PER_VISIT && this.writer.bytes < end && this.isBehind && this.#advance());
    this.writer.uncork();
    return !this.isBehind || this.#wait();
  }

  /** Writes a volatile entry now, or drops it, counts it and returns false. */
  offerVolatile(entry: Entry): boolean {
    if (this.isLive && this.canWrite && entry.isDeliverable(this.home.now())) {
      this.write(entry, false);
      return true;
    }
    this.home.counters.volatileDropped++;
    if (entry.trace !== undefined) this.subscriber.traceMiss(entry, 'dropped');
    return false;
  }

  /**
   * The log has lost everything after this offset. A client that had received it, or was about to, gets a `gap` with the next visit. The
   * replacing entries are delivered like any new ones.
   */
  rewind(after: number, why: 'fork' | 'epoch'): void {
    // parts in progress continue if their entry belongs to the remaining history
    if (why === 'epoch' || after <= this.cursor) this.#endParts();
    this.goBack(after, why);
    this.oweGap(why);
  }

  #advance(): boolean {
    const run = this.#nextRun();
    return run === undefined ? this.#step() : this.#deliverRun(run);
  }

  #nextRun(): JoinedFrame | undefined {
    return this.home.joinedFrames.after(this.tail, this.cursor, this.writer.variant, this.home.now());
  }

  /** @param via a batch, or a flight: then only if the sender takes it */
  #deliverRun(run: JoinedFrame, via?: WriteBatch | 'flight'): boolean {
    return this.canWrite && this.writeRun(run, via);
  }

  /** Moves to the oldest entry that the log holds and notifies the client; false if the socket does not accept the notice now. */
  #passTrimmed(): boolean {
    if (!this.canWrite) return false;
    this.skipTrimmed();
    const position = formatPosition({ epoch: this.tail.epoch, offset: this.cursor, id: '' });
    this.subscriber.tellGap(this.threadId, 'trimmed', position);
    this.streams?.forget(this);
    return true;
  }

  /** Writes the next entry at the cursor; false if the socket accepts no more. */
  #step(batch?: WriteBatch): boolean {
    const entry = this.tail.at(this.cursor + 1);
    if (entry !== undefined && this.isWorthIt(entry) && !this.wasAhead(entry) && !this.isMoot(entry)) {
      if (!this.canWrite) return false;
      if (this.parts !== undefined && entry.isInParts) return this.#begin(entry, this.parts);
      this.write(entry, false, batch);
      if (this.cursor < this.rereadTo) this.subscriber.rereads(1, entry.body.bytes);
    } else if (entry !== undefined && !this.wasAhead(entry)) {
      this.noteSkipped(entry);
    }
    this.cursor++;
    return true;
  }

  /** Begins a big entry: sends its first part, or the first that the client misses; true when no further part follows. */
  #begin(entry: Entry, request: PartsRequest): boolean {
    if (!this.subscriber.beginParts(this)) {
      // it is visited when the other entry's parts are over
      this.#waitsAt = this.cursor;
      return false;
    }
    const { window, takesBytes } = this.writer.variant;
    const { thresholdBytes, level } = this.home.compression;
    const form = { takesBytes, window: entry.body.bytes < thresholdBytes ? undefined : window, level };
    this.#partStream = new PartSender(entry, request, form, () => this.subscriber.partReady());
    return this.#writePart(this.#partStream);
  }

  /** Sends the next part, after the messages that may overtake it; true when the big entry is complete and the cursor has passed it. */
  #goOn(): boolean {
    const stream = this.#partStream;
    if (stream === undefined || !this.isWorthIt(stream.entry)) {
      if (stream !== undefined) this.noteSkipped(stream.entry);
      // an edit has taken its place, and comes next
      if (this.tail.at(this.cursor + 1)?.isEdited === true) this.#endParts();
      else this.#pass();
      return true;
    }
    // among critical messages it keeps its place
    if (stream.entry.lane !== 'critical') this.#overtake();
    return this.#writePart(stream);
  }

  #writePart(stream: PartSender): boolean {
    const { bytes } = this.writer;
    this.#waitsAt = stream.write(this.subscriber) === 'signal' ? this.cursor : -1;
    if (this.cursor < this.rereadTo) this.subscriber.rereads(0, this.writer.bytes - bytes);
    if (!stream.isDone) return false;
    this.noteWritten(stream.entry);
    this.#pass();
    this.home.counters.deliveries++;
    return true;
  }

  #pass(): void {
    this.cursor++;
    this.#endParts();
  }

  #endParts(): void {
    const stream = this.#partStream;
    if (stream === undefined) return;
    this.#partStream = undefined;
    stream.end();
    this.subscriber.endParts();
  }

  /** Writes the critical entries that wait behind others. */
  #overtake(): void {
    if (this.#isInOrder) return;
    for (;;) {
      const after = Math.max(this.criticalCursor, this.cursor);
      const offset = this.tail.criticalAfter(after);
      if (offset === undefined || !this.canWrite) return;
      if (offset === this.cursor + 1) {
        // it is next in order anyway, so it overtakes nothing
        if (!this.#step()) return;
        continue;
      }
      this.notePassedOver(after, offset);
      const entry = this.tail.at(offset);
      if (entry !== undefined && this.isWorthIt(entry) && !this.isMoot(entry)) this.write(entry, true);
      else if (entry !== undefined) this.noteSkipped(entry);
      this.criticalCursor = offset;
      if (entry !== undefined && offset <= this.rereadTo) this.subscriber.rereads(1, entry.body.bytes);
    }
  }

  #wait(): false {
    if (this.isEnded) return false;
    const isWaiting = this.isHeldByPiece || this.#waitsAt === this.cursor;
    this.subscriber.fellBehind(this, isWaiting ? 'signal' : this.writer.admit('message'));
    return false;
  }
}
