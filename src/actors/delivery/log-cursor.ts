import type { Entry } from '../../api/entry.ts';
import type { LogTail, Position } from '../../api/log.ts';
import { positionIn } from './position-in.ts';

/** What a cursor needs from its thread. */
interface Timed {
  readonly now: () => number;
}

/** The position of a reader in the log of a thread. */
export abstract class LogCursor<Home extends Timed> {
  protected readonly tail: LogTail;
  protected readonly home: Home;
  /** Every entry up to this offset has been written or skipped. */
  protected cursor: number;
  /** Critical entries up to this offset have been written, ahead of the cursor. */
  protected criticalCursor: number;
  #startedAt: number;
  #acked = 0;
  #isEnded = false;

  /** @param after the offset after which it reads */
  constructor(home: Home, tail: LogTail, after: number) {
    this.home = home;
    this.tail = tail;
    this.cursor = after;
    this.criticalCursor = after;
    this.#startedAt = tail.head;
  }

  /** The newest offset when it began. Entries after it are live for this reader. */
  get startedAt(): number {
    return this.#startedAt;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** The current position. */
  get position(): Position {
    return positionIn(this.tail, this.cursor);
  }

  get isBehind(): boolean {
    return this.cursor < this.tail.head;
  }

  /** Critical entries wait that come before the others. */
  protected get hasCriticalAhead(): boolean {
    return this.tail.criticalAfter(Math.max(this.criticalCursor, this.cursor)) !== undefined;
  }

  /** Number of entries after the cursor. */
  get lag(): number {
    return Math.max(0, this.tail.head - this.cursor);
  }

  /** Age of the oldest entry after the cursor that the log still holds, in milliseconds. */
  get lagMs(): number {
    const oldest = this.tail.at(Math.max(this.cursor + 1, this.tail.first));
    return oldest === undefined ? 0 : this.home.now() - oldest.loggedAt;
  }

  /** Entries after the cursor, oldest first, at most `limit`. */
  *waiting(limit: number): Iterable<Entry> {
    const from = Math.max(this.cursor + 1, this.tail.first);
    for (let offset = from; offset < from + limit; offset++) {
      const entry = this.tail.at(offset);
      if (entry === undefined) return;
      if (!this.hasPassed(entry)) yield entry;
    }
  }

  /** More than `limit` critical entries came since the join, are still worth delivering, and have not been written. */
  isOwedCritical(limit: number): boolean {
    const { tail } = this;
    const after = Math.max(this.criticalCursor, this.cursor, this.#startedAt);
    if (tail.criticalCountAfter(after) <= limit) return false;
    let owed = 0;
    for (let offset = tail.criticalAfter(after); offset !== undefined; offset = tail.criticalAfter(offset)) {
      const entry = tail.at(offset);
      if (entry !== undefined && this.isWorthIt(entry)) owed++;
    }
    return owed > limit;
  }

  /** The client has received everything up to this offset. */
  get ackedOffset(): number {
    return this.#acked;
  }

  /** True if the acknowledgement is new and plausible. */
  ack(offset: number): boolean {
    const isNews = offset <= this.cursor && offset > this.#acked;
    if (isNews) this.#acked = offset;
    return isNews;
  }

  /** True once the entry at this offset needs nothing more: it was written, in order or ahead, or skipped. */
  hasPassed(entry: Entry): boolean {
    return entry.offset <= this.cursor || this.wasAhead(entry);
  }

  protected wasAhead(entry: Entry): boolean {
    return entry.lane === 'critical' && entry.offset <= this.criticalCursor;
  }

  /** The message is for others, not for this reader. */
  abstract isExcepted(entry: Entry): boolean;

  /** For this reader, and `entry.isDeliverable`; does not read the clock for the many entries that never expire. */
  protected isWorthIt(entry: Entry): boolean {
    if (entry.except !== undefined && this.isExcepted(entry)) return false;
    return entry.expiresAt === Infinity ? !entry.isSuperseded : entry.isDeliverable(this.home.now());
  }

  /** Continues with the oldest entry that the log holds. */
  protected skipTrimmed(): void {
    this.cursor = this.tail.first - 1;
    this.criticalCursor = Math.max(this.criticalCursor, this.cursor);
  }

  /** The log has lost everything after this offset (`fork`), or begins a new epoch from it. */
  protected goBack(after: number, why: 'fork' | 'epoch'): void {
    this.cursor = why === 'epoch' ? after : Math.min(this.cursor, after);
    this.criticalCursor = Math.min(this.criticalCursor, this.cursor);
    this.#startedAt = Math.min(this.#startedAt, this.cursor);
    this.#acked = Math.min(this.#acked, this.cursor);
  }

  // --- what a message's publisher learns of it

  /** The identity for outcomes: it stays the same when the connection gets another subscription. */
  protected abstract get reader(): object;

  protected noteWritten(entry: Entry): void {
    // a volatile entry has no offset
    entry.tally?.noteWritten(this.reader, entry.offset > this.#startedAt || entry.offset === 0);
  }

  protected noteSkipped(entry: Entry): void {
    if (!this.isExcepted(entry)) entry.tally?.noteSkipped(this.reader, entry.offset > this.#startedAt);
  }

  protected noteCut(entry: Entry): void {
    entry.tally?.noteCut(this.reader);
  }

  /** Superseded critical entries are no longer listed as critical: the critical cursor skips them. */
  protected notePassedOver(after: number, before: number): void {
    for (let offset = after + 1; offset < before; offset++) {
      const entry = this.tail.at(offset);
      if (entry?.lane === 'critical') this.noteSkipped(entry);
    }
  }
}
