import type { LogTail } from './delivery-log.ts';
import { Entry, type EntryDraft } from './entry.ts';
import type { Position } from './ids.ts';

/** How much of a thread's history is kept. The newest entry is kept by count and bytes whatever its size. */
export interface Retention {
  /** @default 1000 */
  readonly maxEntries: number;
  /** Bytes of message JSON, and of what is held of it compressed. @default 64 MiB */
  readonly maxBytes: number;
  /** @default one hour */
  readonly maxAgeMs: number;
}

/** One thread's entries in memory: a deque with an index by id and by conflation key. */
export class LogBuffer implements LogTail {
  readonly epoch: string;
  readonly #retention: Retention;
  /** Slots before `#start` have been trimmed; they are cut off in bulk, so that a trim does not move the rest. */
  #entries: (Entry | undefined)[] = [];
  #start = 0;
  #first = 1;
  #bytes = 0;
  #lastId = '';
  #heldAfter = Infinity;
  #idleSince: number;
  readonly #byId = new Map<string, Entry>();
  readonly #byKey = new Map<string, Entry>();
  /** Offsets of the critical entries that are held, ascending. */
  #critical: number[] = [];

  constructor(epoch: string, retention: Retention, now: number) {
    this.epoch = epoch;
    this.#retention = retention;
    this.#idleSince = now;
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

  /** When the last entry came, on the hub's clock. */
  get idleSince(): number {
    return this.#idleSince;
  }

  /** Bytes of the bodies held. */
  get bytes(): number {
    return this.#bytes;
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.head, id: this.#lastId };
  }

  at(offset: number): Entry | undefined {
    return offset < this.#first ? undefined : this.#entries[this.#start + offset - this.#first];
  }

  byId(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  criticalAfter(offset: number): number | undefined {
    return this.#critical[this.#criticalIndexAfter(offset)];
  }

  criticalCountAfter(offset: number): number {
    return this.#critical.length - this.#criticalIndexAfter(offset);
  }

  #criticalIndexAfter(offset: number): number {
    let low = 0;
    let high = this.#critical.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#critical[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  append(draft: EntryDraft, now: number): Entry {
    const entry = new Entry(draft, this.head + 1, now);
    this.#entries.push(entry);
    this.#byId.set(entry.id, entry);
    this.#bytes += entry.bytes;
    this.#lastId = entry.id;
    this.#idleSince = now;
    if (entry.lane === 'critical') this.#critical.push(entry.offset);
    if (entry.key !== undefined) {
      const older = this.#byKey.get(entry.key);
      if (older !== undefined) this.#supersede(older);
      this.#byKey.set(entry.key, entry);
    }
    this.trim(now);
    return entry;
  }

  trim(now: number): void {
    const { maxEntries, maxBytes, maxAgeMs } = this.#retention;
    for (;;) {
      const oldest = this.#entries[this.#start];
      if (oldest === undefined || oldest.offset > this.#heldAfter) break;
      const count = this.#entries.length - this.#start;
      const isTooMuch = count > 1 && (count > maxEntries || this.#bytes > maxBytes);
      if (!isTooMuch && oldest.loggedAt + maxAgeMs > now) break;
      this.#drop(oldest);
    }
    if (this.#start > 64 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
    const stale = this.#critical.findIndex((offset) => offset >= this.#first);
    if (stale !== 0 && this.#critical.length > 0) this.#critical = stale < 0 ? [] : this.#critical.slice(stale);
  }

  /** Entries after this offset are not trimmed. */
  hold(offset: number): void {
    this.#heldAfter = offset;
  }

  clear(): void {
    for (const entry of this.#entries) if (entry?.isSuperseded === false) entry.release();
    this.#entries = [];
    this.#start = 0;
    this.#byId.clear();
    this.#byKey.clear();
    this.#critical = [];
    this.#bytes = 0;
  }

  /** Lets go of the oldest entry, to make room for other threads; false where there is none but `keep`. */
  dropOldest(keep: Entry | undefined): boolean {
    const oldest = this.#entries[this.#start];
    if (oldest === undefined || oldest === keep || oldest.offset > this.#heldAfter) return false;
    this.#drop(oldest);
    return true;
  }

  /** Nobody is given it any more: its place in the order stays, its memory is given back. */
  #supersede(older: Entry): void {
    older.isSuperseded = true;
    this.#bytes -= older.bytes;
    older.release();
    if (older.lane !== 'critical') return;
    const index = this.#criticalIndexAfter(older.offset - 1);
    if (this.#critical[index] === older.offset) this.#critical.splice(index, 1);
  }

  #drop(oldest: Entry): void {
    this.#entries[this.#start] = undefined;
    this.#start++;
    this.#first++;
    this.#byId.delete(oldest.id);
    if (oldest.key !== undefined && this.#byKey.get(oldest.key) === oldest) this.#byKey.delete(oldest.key);
    if (oldest.isSuperseded) return;
    this.#bytes -= oldest.bytes;
    oldest.release();
  }
}
