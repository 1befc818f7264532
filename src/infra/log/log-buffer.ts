import type { Entry, EntryDraft } from '../../api/entry.ts';
import type { LogTail, Position } from '../../api/log.ts';
import { Amendments } from './amendments.ts';
import { makeEntry, type StoredDraft } from './entry.ts';
import { indexOf, LOOKED_THROUGH, newestWith } from './entry-index.ts';
import { CriticalOffsets } from './critical-offsets.ts';
import type { Ledger, Retention } from './retention.ts';

/** Maximum entries dropped in one go: each takes about a microsecond. */
const TRIMMED_AT_ONCE = 1_024;

/** One thread's entries in memory: a deque with an index by id and by conflation key. */
export class LogBuffer implements LogTail {
  #epoch: string;
  readonly #retention: Retention;
  /** Slots before `#start` have been trimmed. They are cut off in bulk, so that a trim does not move the rest. */
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #first = 1;
  #bytes = 0;
  #lastId = '';
  /** Id of the entry before the oldest one; empty if it is not known. */
  #idBefore = '';
  #heldAfter = Infinity;
  #idleSince: number;
  #hasTrimmed = false;
  /** Undefined while there are few entries. */
  #byId: Map<string, Entry> | undefined;
  /** Undefined before the first conflation key. */
  #byKey: Map<string, Entry> | undefined;
  /** Undefined before the first edit or removal. */
  #amendments: Amendments | undefined;
  readonly #critical = new CriticalOffsets();
  readonly #ledger: Ledger | undefined;

  /** @param ledger counts the bytes of all buffers that share a limit */
  constructor(epoch: string, retention: Retention, now: number, ledger?: Ledger) {
    this.#epoch = epoch;
    this.#retention = retention;
    this.#idleSince = now;
    this.#ledger = ledger;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get first(): number {
    return this.#first;
  }

  get head(): number {
    return this.#first + this.#entries.length - this.#start - 1;
  }

  get isEmpty(): boolean {
    return this.#entries.length === this.#start;
  }

  /** Entries before the oldest must not be loaded again: they were too many or too old. */
  get hasTrimmed(): boolean {
    return this.#hasTrimmed;
  }

  /** When the last entry came, on the hub's clock. */
  get idleSince(): number {
    return this.#idleSince;
  }

  /** Memory that its entries hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Id of the newest entry, even if that has been trimmed. */
  get headId(): string {
    return this.#lastId;
  }

  get idBefore(): string {
    return this.#idBefore;
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.head, id: this.#lastId };
  }

  at(offset: number): Entry | undefined {
    return offset < this.#first ? undefined : this.#entries[this.#start + offset - this.#first];
  }

  byId(id: string): Entry | undefined {
    return this.#byId === undefined ? newestWith(id, this.#entries) : this.#byId.get(id);
  }

  criticalAfter(offset: number): number | undefined {
    return this.#critical.after(offset);
  }

  criticalCountAfter(offset: number): number {
    return this.#critical.countAfter(offset);
  }

  /**
   * @param loggedAt when it was logged, if that was in another process
   * @param at when it was logged, in milliseconds since 1970
   */
  append(draft: EntryDraft, now: number, loggedAt = now, at = draft.at): Entry {
    const entry = makeEntry(draft, this.head + 1, loggedAt, at);
    // a first push would take room for seventeen
    if (this.#entries.length === 0) this.#entries = [entry];
    else this.#entries.push(entry);
    this.#index(entry);
    this.#count(entry.heldBytes);
    this.#lastId = entry.id;
    this.#idleSince = now;
    if (entry.lane === 'critical') this.#critical.add(entry.offset);
    if (entry.target !== undefined) this.#amend().add(entry, entry.target);
    if (entry.key !== undefined) {
      const byKey = (this.#byKey ??= new Map());
      const older = byKey.get(entry.key);
      if (older !== undefined) this.#supersede(older);
      byKey.set(entry.key, entry);
    }
    this.trim(now);
    return entry;
  }

  /** Whether a message may be replaced or removed. */
  holds(id: string): boolean {
    const entry = this.byId(id);
    return entry?.kind === 'message' && !entry.isSuperseded;
  }

  /** Drops entries that are too old or too many, some at a time; false if more are left to drop. */
  trim(now: number): boolean {
    const { maxEntries, maxBytes, maxAgeMs } = this.#retention;
    let left = TRIMMED_AT_ONCE;
    for (; left > 0; left--) {
      const oldest = this.#entries[this.#start];
      if (oldest === undefined || oldest.offset > this.#heldAfter) break;
      const count = this.#entries.length - this.#start;
      const isTooMuch = count > 1 && (count > maxEntries || this.#bytes > maxBytes);
      if (!isTooMuch && oldest.loggedAt + maxAgeMs > now) break;
      this.#hasTrimmed = true;
      this.#drop(oldest);
    }
    this.#tidy();
    return left > 0;
  }

  /** Entries after this offset are not trimmed. */
  hold(offset: number): void {
    this.#heldAfter = offset;
  }

  clear(): void {
    for (const entry of this.#entries) if (entry?.isSuperseded === false) entry.release();
    this.#entries = [];
    this.#start = 0;
    this.#byId = undefined;
    this.#byKey = undefined;
    this.#amendments = undefined;
    this.#critical.clear();
    this.#count(-this.#bytes);
  }

  /** Drops the oldest entry, to make room for other threads; false if there is none except `keep`. */
  dropOldest(keep: Entry | undefined): boolean {
    const oldest = this.#entries[this.#start];
    if (oldest === undefined || oldest === keep || oldest.offset > this.#heldAfter) return false;
    this.#hasTrimmed = true;
    this.#drop(oldest);
    return true;
  }

  /**
   * Drops the older half, some at a time: it can be read again from the shared log. Keeps held entries, and the newest.
   * @returns how many entries it dropped
   */
  unload(): number {
    const last = Math.min(this.head - Math.ceil((this.head - this.#first + 1) / 2), this.#heldAfter);
    let dropped = 0;
    for (; dropped < TRIMMED_AT_ONCE; dropped++) {
      const oldest = this.#entries[this.#start];
      if (oldest === undefined || oldest.offset > last) break;
      this.#drop(oldest);
    }
    this.#tidy();
    return dropped;
  }

  /** Drops everything and continues after this position, of another epoch, or beyond missed entries. */
  restart({ epoch, offset, id }: Position, now: number): void {
    this.clear();
    this.#epoch = epoch;
    this.#first = offset + 1;
    this.#hasTrimmed = false;
    this.#lastId = id;
    this.#idBefore = id;
    this.#idleSince = now;
  }

  /** Forgets the entries after this offset: the log has lost them. */
  rewind(offset: number): void {
    for (let at = this.head; at > offset && at >= this.#first; at--) {
      const entry = this.#entries.pop();
      if (entry !== undefined) this.#forget(entry);
    }
    this.#critical.dropAfter(offset);
    this.#lastId = this.at(offset)?.id ?? (offset === this.#first - 1 ? this.#idBefore : '');
  }

  /** Adds entries right before the oldest one, oldest first. */
  prepend(older: readonly StoredDraft[]): void {
    const entries = older.map(({ draft, offset, loggedAt }) => makeEntry(draft, offset, loggedAt));
    this.#entries = [...entries, ...this.#entries.slice(this.#start)];
    this.#start = 0;
    this.#first -= entries.length;
    if (entries.length > 0) this.#idBefore = '';
    for (const entry of entries) {
      this.#index(entry);
      this.#count(entry.heldBytes);
    }
    this.#critical.prepend(entries.filter(({ lane }) => lane === 'critical').map(({ offset }) => offset));
    for (const entry of entries.toReversed()) {
      if (entry.key === undefined) continue;
      const byKey = (this.#byKey ??= new Map());
      if (byKey.has(entry.key)) this.#supersede(entry);
      else byKey.set(entry.key, entry);
    }
    if (this.#amendments !== undefined || entries.some(({ target }) => target !== undefined))
      this.#amend().addOlder(entries);
  }

  #index(entry: Entry): void {
    if (this.#byId !== undefined) this.#byId.set(entry.id, entry);
    else if (this.#entries.length > LOOKED_THROUGH) this.#byId = indexOf(this.#entries);
  }

  #amend(): Amendments {
    return (this.#amendments ??= new Amendments({
      byId: (id) => this.byId(id),
      supersede: (entry) => this.#supersede(entry),
      swap: (entry, next) => this.#swap(entry, next),
    }));
  }

  #swap(entry: Entry, next: Entry): void {
    this.#count(next.heldBytes - entry.heldBytes);
    entry.isSuperseded = true;
    entry.release();
    this.#entries[this.#start + next.offset - this.#first] = next;
    this.#index(next);
    if (next.key !== undefined && this.#byKey?.get(next.key) === entry) this.#byKey.set(next.key, next);
  }

  /** The entry is not delivered any more: it keeps its slot in the order, its memory is released. */
  #supersede(older: Entry): void {
    const before = older.heldBytes;
    older.isSuperseded = true;
    this.#count(older.heldBytes - before);
    older.release();
    if (older.lane === 'critical') this.#critical.delete(older.offset);
  }

  #drop(oldest: Entry): void {
    this.#entries[this.#start] = undefined;
    this.#start++;
    this.#first++;
    this.#idBefore = oldest.id;
    this.#forget(oldest);
  }

  /** Removes the slots of dropped entries. */
  #tidy(): void {
    if (this.#start > 64 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
    this.#critical.dropBefore(this.#first);
  }

  #forget(entry: Entry): void {
    this.#byId?.delete(entry.id);
    if (entry.key !== undefined && this.#byKey?.get(entry.key) === entry) this.#byKey.delete(entry.key);
    this.#amendments?.forget(entry);
    this.#count(-entry.heldBytes);
    if (!entry.isSuperseded) entry.release();
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#ledger !== undefined) this.#ledger.bytes += bytes;
  }
}
