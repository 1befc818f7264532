import type { WindowBits } from '../infra/deflate.ts';
import type { Entry, Format } from '../infra/entry.ts';
import type { LogTail } from '../infra/delivery-log.ts';
import { formatPosition } from '../infra/ids.ts';
import type { Outbox } from './outbox.ts';
import { PartStream, type PartsWish } from './part-stream.ts';
import type { Run, Runs } from './runs.ts';
import type { Streams } from './streams.ts';

/** Why something is missing: trimmed from the log before it was delivered, or another life of the log. */
export type GapReason = 'trimmed' | 'epoch' | 'fork';

/** Entries of one visit at most: a long catch-up of small ones must not hold the event loop. */
const STEPS_PER_VISIT = 256;

/** Whose subscription it is, as far as a subscription has to know. */
export interface Subscriber {
  readonly id: string;
  readonly format: Format;
  readonly window: WindowBits | undefined;
  readonly outbox: Outbox;
  /** Bytes of the outbox that the peer has received for certain. */
  readonly ackedBytes: number;
  /** Writes one entry to the socket. The outbox can write when this is called. */
  deliver(entry: Entry, isAhead: boolean): void;
  /** Writes several entries at once. */
  deliverRun(run: Run): void;
  /** A traced entry was offered to it and not written. */
  traceMiss(entry: Entry, outcome: 'behind' | 'dropped'): void;
  /** Writes a part of a big entry. */
  deliverPart(entry: Entry, part: Uint8Array, isLast: boolean): void;
  /** Whether this subscription's big entry may go out in parts now: one of a connection at a time, so `endParts` must follow. */
  beginParts(subscription: Subscription): boolean;
  endParts(): void;
  /** Writes a volatile entry now, or drops and counts it: false. */
  offerVolatile(entry: Entry, isCurrent: boolean): boolean;
  /** Tells the client that something is missing before this position. */
  tellGap(threadId: string, why: GapReason, position: string): void;
  /** Tells the client that a token stream is over without a final message. */
  tellLost(threadId: string, streamId: string): void;
  /** A visit ended before the end of the log: the socket takes no more, or others are to have their turn. */
  fellBehind(subscription: Subscription): void;
}

/**
 * One connection in one thread: a cursor into the log. Whatever the traffic, a connection that is behind costs these two
 * numbers; nothing is queued for it.
 */
export class Subscription {
  readonly subscriber: Subscriber;
  readonly threadId: string;
  /** Counts the joins of the thread, so that one can tell who was there. */
  readonly serial: number;
  readonly #runs: Runs;
  readonly #streams: () => Streams | undefined;
  readonly #tail: LogTail;
  readonly #now: () => number;
  /** Everything up to here has been written or skipped. */
  #cursor: number;
  /** Critical entries up to here have been written, ahead of the cursor. */
  #criticalCursor: number;
  /** The newest offset when the subscription began: later ones are its to receive live. */
  readonly startedAt: number;
  #acked = 0;
  /** Where the client takes big entries in parts. */
  parts: PartsWish | undefined;
  /** The big entry after the cursor, from its first part to its last. */
  #partStream: PartStream | undefined;
  #isHeldUp = false;
  #isEnded = false;

  constructor(
    subscriber: Subscriber,
    threadId: string,
    tail: LogTail,
    now: () => number,
    start: {
      readonly after: number;
      readonly serial: number;
      readonly runs: Runs;
      readonly streams: () => Streams | undefined;
      readonly parts?: PartsWish | undefined;
    },
  ) {
    this.subscriber = subscriber;
    this.threadId = threadId;
    this.serial = start.serial;
    this.#runs = start.runs;
    this.#streams = start.streams;
    this.#tail = tail;
    this.#now = now;
    this.#cursor = start.after;
    this.#criticalCursor = start.after;
    this.startedAt = tail.head;
    this.parts = start.parts;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get isBehind(): boolean {
    return this.#cursor < this.#tail.head;
  }

  /** Entries after the cursor. */
  get lag(): number {
    return Math.max(0, this.#tail.head - this.#cursor);
  }

  /** Age of the oldest entry after the cursor, as far as the log still holds them, in milliseconds. */
  get lagMs(): number {
    const oldest = this.#tail.at(Math.max(this.#cursor + 1, this.#tail.first));
    return oldest === undefined ? 0 : this.#now() - oldest.loggedAt;
  }

  /** Entries that it waits for, oldest first, at most `limit`. */
  *waiting(limit: number): Iterable<Entry> {
    const from = Math.max(this.#cursor + 1, this.#tail.first);
    for (let offset = from; offset < from + limit; offset++) {
      const entry = this.#tail.at(offset);
      if (entry === undefined) return;
      if (!this.hasPassed(entry)) yield entry;
    }
  }

  /** What is not logged may be written: nothing older waits, or only behind a big entry whose parts let others pass. */
  get isLive(): boolean {
    return !this.isBehind || this.#partStream !== undefined;
  }

  /** The socket could be written to, but the next part has to wait: for a drain, or for the parts of another thread. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  end(): void {
    this.#isEnded = true;
    this.#endParts();
  }

  /** More critical entries than `limit` came since it joined and have not been given to it, though they are still worth it. */
  isOwedCritical(limit: number): boolean {
    const after = Math.max(this.#criticalCursor, this.#cursor, this.startedAt);
    if (this.#tail.criticalCountAfter(after) <= limit) return false;
    let owed = 0;
    for (
      let offset = this.#tail.criticalAfter(after);
      offset !== undefined;
      offset = this.#tail.criticalAfter(offset)
    ) {
      if (this.#tail.at(offset)?.isDeliverable(this.#now()) === true) owed++;
    }
    return owed > limit;
  }

  /** The client has everything up to here. */
  get ackedOffset(): number {
    return this.#acked;
  }

  ack(offset: number): void {
    if (offset <= this.#cursor) this.#acked = Math.max(this.#acked, offset);
  }

  /** True once the entry with this offset needs nothing more: it was written, here or ahead, or skipped. */
  hasPassed(entry: Entry): boolean {
    return entry.offset <= this.#cursor || (entry.lane === 'critical' && entry.offset <= this.#criticalCursor);
  }

  /** Something is still to come: messages, or text of a stream. */
  get isOwed(): boolean {
    return this.isBehind || this.#streams()?.owes(this) === true;
  }

  /** Writes what is to come, as far as the socket takes it; true when nothing is left. */
  visit(): boolean {
    const streams = this.#streams();
    return streams === undefined || streams.size === 0 ? this.#visitLog() : this.#visitAll(streams);
  }

  /** What it has joined for comes first; once it has that, and between the parts of a big message, text goes before messages. */
  #visitAll(streams: Streams): boolean {
    const { outbox } = this.subscriber;
    if (this.isEnded) return true;
    outbox.cork();
    if (this.#cursor >= this.startedAt || this.#partStream !== undefined) streams.offer(this);
    // once more after the messages: a gap among them lets the text begin anew
    const isDone = this.#visitLog() && (streams.offer(this) || this.#wait());
    outbox.uncork();
    return isDone;
  }

  get canWrite(): boolean {
    return this.subscriber.outbox.canWrite;
  }

  /** Text of a stream; only when `canWrite`. */
  writeText(bytes: Uint8Array): void {
    this.subscriber.outbox.writeRun(bytes, 0);
  }

  /** A stream that its client knows of will have no end: whoever published it is gone. */
  tellLost(streamId: string): void {
    if (!this.isEnded) this.subscriber.tellLost(this.threadId, streamId);
  }

  /** Writes what comes after the cursor, critical entries first, as far as the socket takes it; true when nothing is left. */
  #visitLog(): boolean {
    const { outbox } = this.subscriber;
    this.#isHeldUp = false;
    if (!this.isBehind || this.#isEnded) return true;
    if (this.#partStream !== undefined && !this.#goOn()) return this.#wait();
    if (!this.isBehind) return true;
    if (this.#cursor + 1 < this.#tail.first && !this.#skipTrimmed()) return this.#wait();
    if (this.#tail.head === this.#cursor + 1) return this.#step() || this.#wait();
    const run = this.#nextRun();
    if (run?.to === this.#tail.head) return this.#deliverRun(run) || this.#wait();
    outbox.cork();
    this.#overtake();
    for (let steps = 0; steps < STEPS_PER_VISIT && this.isBehind && this.#advance(); steps++);
    outbox.uncork();
    return !this.isBehind || this.#wait();
  }

  #advance(): boolean {
    const run = this.#nextRun();
    return run === undefined ? this.#step() : this.#deliverRun(run);
  }

  #nextRun(): Run | undefined {
    return this.#runs.after(this.#tail, this.#cursor, this.subscriber, this.#now());
  }

  #deliverRun(run: Run): boolean {
    if (!this.subscriber.outbox.canWrite) return false;
    for (const entry of run.entries) this.#count(entry);
    this.subscriber.deliverRun(run);
    this.#cursor = run.to;
    return true;
  }

  /** Moves to the oldest entry that is held and tells the client; false where the socket cannot be told now. */
  #skipTrimmed(): boolean {
    if (!this.subscriber.outbox.canWrite) return false;
    this.#cursor = this.#tail.first - 1;
    this.#criticalCursor = Math.max(this.#criticalCursor, this.#cursor);
    const position = formatPosition({ epoch: this.#tail.epoch, offset: this.#cursor, id: '' });
    this.subscriber.tellGap(this.threadId, 'trimmed', position);
    this.#streams()?.place(this);
    return true;
  }

  /** The next entry at the cursor; false where the socket takes no more. */
  #step(): boolean {
    // begun in this visit
    if (this.#partStream !== undefined) return false;
    const entry = this.#tail.at(this.#cursor + 1);
    if (entry !== undefined && entry.isDeliverable(this.#now()) && !this.#wasAhead(entry)) {
      if (!this.subscriber.outbox.canWrite) return false;
      if (this.parts !== undefined && entry.isInParts(this.subscriber.window)) return this.#begin(entry, this.parts);
      this.#deliver(entry, false);
    } else if (entry !== undefined && !this.#wasAhead(entry)) {
      this.#noteSkipped(entry);
    }
    this.#cursor++;
    return true;
  }

  /** A big entry's turn has come: its first part, or the first that the client misses; true when that was all. */
  #begin(entry: Entry, wish: PartsWish): boolean {
    if (!this.subscriber.beginParts(this)) {
      this.#isHeldUp = true;
      return false;
    }
    this.#partStream = new PartStream(entry, wish);
    return this.#writePart(this.#partStream);
  }

  /** The next part, after what may overtake it; true when the big entry is done with and the cursor has passed it. */
  #goOn(): boolean {
    const stream = this.#partStream;
    if (stream?.entry.isDeliverable(this.#now()) !== true) {
      if (stream !== undefined) this.#noteSkipped(stream.entry);
      this.#pass();
      return true;
    }
    // in its own lane it keeps its place
    if (stream.entry.lane !== 'critical') this.#overtake();
    return this.#writePart(stream);
  }

  #writePart(stream: PartStream): boolean {
    const { outbox } = this.subscriber;
    if (!outbox.canWritePart) {
      this.#isHeldUp = outbox.canWrite;
      return false;
    }
    const part = stream.take();
    const { entry, isDone } = stream;
    if (isDone) {
      this.#count(entry);
      this.#pass();
    }
    this.subscriber.deliverPart(entry, part, isDone);
    return isDone;
  }

  #pass(): void {
    this.#cursor++;
    this.#endParts();
  }

  #endParts(): void {
    const stream = this.#partStream;
    if (stream === undefined) return;
    this.#partStream = undefined;
    stream.end();
    this.subscriber.endParts();
  }

  #deliver(entry: Entry, isAhead: boolean): void {
    this.#count(entry);
    this.subscriber.deliver(entry, isAhead);
  }

  #count(entry: Entry): void {
    if (entry.offset > this.startedAt) entry.writes++;
    if (entry.isOffered) entry.watcher?.deref()?.noteLate(this);
  }

  #noteSkipped(entry: Entry): void {
    if (entry.offset > this.startedAt) entry.watcher?.deref()?.noteSkipped(this);
  }

  #wasAhead(entry: Entry): boolean {
    return entry.lane === 'critical' && entry.offset <= this.#criticalCursor;
  }

  /** Writes the critical entries that wait behind others. */
  #overtake(): void {
    for (;;) {
      const offset = this.#tail.criticalAfter(Math.max(this.#criticalCursor, this.#cursor));
      if (offset === undefined || !this.subscriber.outbox.canWrite) return;
      if (offset === this.#cursor + 1) {
        // its turn has come anyway: it overtakes nobody
        if (!this.#step()) return;
        continue;
      }
      const entry = this.#tail.at(offset);
      if (entry?.isDeliverable(this.#now()) === true) this.#deliver(entry, true);
      else if (entry !== undefined) this.#noteSkipped(entry);
      this.#criticalCursor = offset;
    }
  }

  #wait(): false {
    if (!this.#isEnded) this.subscriber.fellBehind(this);
    return false;
  }
}
