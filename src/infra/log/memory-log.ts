import { CLOCK_METHODS, systemClock, wallTime } from '../time/clock.ts';
import type { Entry, EntryDraft } from '../../api/entry.ts';
import type { Appended, DeliveryLog, LogPage, LogReset, LogSubscription, Position } from '../../api/log.ts';
import { releaseDraft } from './entry.ts';
import { checkedEpochs, randomEpoch } from './ids.ts';
import { UnknownMessageError } from '../errors.ts';
import { LogBuffer } from './log-buffer.ts';
import { retentionTable, type Ledger, type Retention, type RetentionRules } from './retention.ts';
import { checkOptions, type OptionTable } from '../option-table.ts';
import { checkMethods, checkCount, checkNumber, type Optional } from '../option-checks.ts';
import { readAfter, readBefore } from './pages.ts';
import { LruList } from './lru-list.ts';
import { Epochs } from './epochs.ts';
import { MemoryAnswers } from './memory-answers.ts';
import { MemoryPresence } from './memory-presence.ts';
import { MemoryValues } from './memory-values.ts';
import { TailReaders, type TailReader } from './tail-readers.ts';
import { TrimRound } from './trim-round.ts';
import type { Clock } from '../../api/clock.ts';

export interface MemoryLogOptions extends Optional<Retention> {
  /** Other limits for some threads: `{ 'room:*': { maxEntries, maxAgeMs } }`. The longest pattern counts. @default {} */
  retention?: RetentionRules | undefined;
  /**
   * Memory of all threads together, counted like `maxBytes`, plus 1 KiB for each thread. Beyond it, the threads that were quiet longest
   * lose their oldest entries. @default 1 GiB
   */
  maxTotalBytes?: number | undefined;
  /** Bytes of all values (`thread.values`) together, with 256 for each; more are refused with `TC_VALUE_LIMIT`. @default 256 MiB */
  maxValueBytes?: number | undefined;
  /** @default the system's monotonic clock */
  clock?: Clock | undefined;
  /** The id of this log instance, from which it derives the epochs of its threads; never the same twice. @default 48 random bits */
  newEpoch?: (() => string) | undefined;
}

/** Maximum entries that one append may push out: each takes about a microsecond. The sweep drops the rest. */
const DROPPED_AT_ONCE = 1_024;

/** Memory of a thread besides its entries (measured: test/log/footprint.long.test.ts). */
const THREAD_BYTES = 1_024;

/** The share of the memory for threads without entries and readers. */
const IDLE_SHARE = 0.25;

interface ThreadLog {
  readonly threadId: string;
  readonly buffer: LogBuffer;
  readonly readers: TailReaders<MemoryReader>;
  /** See `DeliveryLog.forget`. */
  isForgotten: boolean;
}

interface MemoryReader extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onReset: (reset: LogReset) => void;
}

/** The default log: in this process, bounded by entries, bytes and age for each thread. A restart starts new epochs. */
export function memoryLog(options: MemoryLogOptions = {}): DeliveryLog {
  return new MemoryLog(options);
}

const MEMORY_LOG_OPTIONS: OptionTable<MemoryLogOptions> = {
  maxEntries: 'number',
  maxBytes: 'number',
  maxAgeMs: 'number',
  retention: 'object',
  maxTotalBytes: 'number',
  maxValueBytes: 'number',
  clock: 'any',
  newEpoch: 'function',
};

class MemoryLog implements DeliveryLog {
  readonly presence = new MemoryPresence();
  readonly answers: MemoryAnswers;
  readonly values: MemoryValues;
  readonly #threads = new Map<string, ThreadLog>();
  /** Threads with entries, the one that was quiet longest first. */
  readonly #holding = new LruList<ThreadLog>();
  /** Threads without entries and readers, likewise. */
  readonly #idle = new LruList<ThreadLog>();
  readonly #epochs: Epochs;
  readonly #trims = new TrimRound(this.#threads, (log) => this.#trim(log));
  readonly #retentionOf: (threadId: string) => Retention;
  readonly #maxTotalBytes: number;
  readonly #ledger: Ledger = { bytes: 0 };
  readonly #clock: Clock;

  constructor(options: MemoryLogOptions) {
    checkOptions<MemoryLogOptions>(options, MEMORY_LOG_OPTIONS, 'log');
    const retention = {
      maxEntries: checkCount('log.maxEntries', options.maxEntries, 1_000, { min: 1, max: 10_000_000 }),
      maxBytes: checkCount('log.maxBytes', options.maxBytes, 64 * 1024 * 1024, { min: 1 }),
      maxAgeMs: checkNumber('log.maxAgeMs', options.maxAgeMs, 3_600_000, { min: 1 }),
    };
    this.#retentionOf = retentionTable(retention, options.retention);
    this.#maxTotalBytes = checkCount('log.maxTotalBytes', options.maxTotalBytes, 1024 ** 3, { min: 1 });
    this.#clock = checkMethods('log.clock', options.clock, CLOCK_METHODS) ?? systemClock;
    this.answers = new MemoryAnswers(this.#clock);
    const maxValueBytes = checkCount('log.maxValueBytes', options.maxValueBytes, 256 * 1024 * 1024, { min: 1 });
    this.values = new MemoryValues(this.#clock, maxValueBytes);
    this.#epochs = new Epochs(checkedEpochs(options.newEpoch ?? randomEpoch)());
  }

  get heldBytes(): number {
    return this.#ledger.bytes;
  }

  append(draft: EntryDraft): Appended {
    const log = this.#log(draft.threadId);
    const known = log.buffer.byId(draft.id);
    if (known !== undefined) {
      releaseDraft(draft);
      return { entry: known, isDuplicate: true };
    }
    const { threadId, target } = draft;
    if (target !== undefined && !log.buffer.holds(target)) {
      releaseDraft(draft);
      throw new UnknownMessageError({ threadId, messageId: target });
    }
    const now = this.#clock.now();
    const entry = log.buffer.append(draft, now, now, wallTime(this.#clock));
    this.#idle.delete(log);
    this.#holding.use(log);
    if (this.#isFull) this.#makeRoom(entry);
    for (const { onEntry } of log.readers) onEntry(entry);
    return { entry, isDuplicate: false };
  }

  readAfter(threadId: string, offset: number, limit: number): readonly Entry[] {
    const log = this.#threads.get(threadId);
    return log === undefined ? [] : readAfter(log.buffer, offset, limit, this.#clock.now());
  }

  readBefore(threadId: string, before: number, limit: number, maxBytes: number): LogPage {
    const log = this.#threads.get(threadId);
    if (log !== undefined) return readBefore(log.buffer, before, limit, maxBytes, this.#clock.now());
    return { position: this.position(threadId), first: 1, entries: [], hasOlder: false };
  }

  /** The position of an unknown thread is where it will begin. Asking does not create the thread. */
  position(threadId: string): Position {
    const known = this.#threads.get(threadId);
    return known?.buffer.position ?? { epoch: this.#epochs.of(threadId), offset: 0, id: '' };
  }

  subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    _onMessage?: (message: string) => void,
    onReset: (reset: LogReset) => void = () => {},
  ): LogSubscription {
    const log = this.#log(threadId);
    const reader: MemoryReader = { onEntry, onReset, heldAfter: Infinity };
    log.readers.add(reader);
    this.#idle.delete(log);
    return {
      tail: log.buffer,
      hold: (offset) => log.readers.hold(reader, offset),
      unsubscribe: () => {
        if (!log.readers.delete(reader)) return;
        if (log.isForgotten) this.#end(log);
        else this.#rest(log);
      },
    };
  }

  erase(threadId: string): void {
    this.answers.erase(threadId);
    this.values.erase(threadId);
    const log = this.#threads.get(threadId);
    if (log === undefined) return;
    this.#epochs.end(threadId);
    log.buffer.restart({ epoch: this.#epochs.of(threadId), offset: 0, id: '' }, this.#clock.now());
    for (const { onReset } of log.readers) onReset({ why: 'deleted', after: 0 });
    this.#rest(log);
  }

  forget(threadId: string): void {
    const log = this.#threads.get(threadId);
    if (log === undefined) return;
    log.isForgotten = true;
    this.#end(log);
  }

  sweep(isTimeUp: () => boolean = NEVER): boolean {
    this.answers.sweep();
    while (this.#isFull && this.#makeRoom() > 0) if (isTimeUp()) return false;
    return this.#trims.run(isTimeUp);
  }

  close(): void {
    for (const log of this.#threads.values()) log.buffer.clear();
    this.#threads.clear();
    this.#holding.clear();
    this.#idle.clear();
    this.#trims.stop();
    this.values.close();
    this.#ledger.bytes = 0;
  }

  get #isFull(): boolean {
    return this.#ledger.bytes > this.#maxTotalBytes;
  }

  /** True when nothing is left to trim. */
  #trim(log: ThreadLog): boolean {
    const { buffer } = log;
    const now = this.#clock.now();
    const isDone = buffer.trim(now);
    this.#rest(log);
    // a thread without entries and readers is forgotten once clients cannot expect it any more: a position in it is then answered with a
    // gap, as after the trim
    const isExpired = buffer.isEmpty && buffer.idleSince + this.#retentionOf(log.threadId).maxAgeMs <= now;
    if (isExpired) this.#end(log);
    return isDone;
  }

  /** The thread may be empty now, or have lost its last reader. */
  #rest(log: ThreadLog): void {
    if (!log.buffer.isEmpty || this.#threads.get(log.threadId) !== log) return;
    this.#holding.delete(log);
    if (log.readers.size === 0) this.#idle.use(log);
  }

  /** Forgets a thread that has no reader. */
  #end(log: ThreadLog): void {
    if (log.readers.size > 0 || this.#threads.get(log.threadId) !== log) return;
    if (log.buffer.head > 0) this.#epochs.end(log.threadId);
    log.buffer.clear();
    this.#threads.delete(log.threadId);
    this.#holding.delete(log);
    this.#idle.delete(log);
    this.#ledger.bytes -= THREAD_BYTES;
  }

  /** Drops entries of other threads; returns how many. */
  #makeRoom(newest?: Entry): number {
    let dropped = 0;
    for (const log of this.#idle) {
      if (this.#idle.size * THREAD_BYTES <= this.#maxTotalBytes * IDLE_SHARE || dropped >= DROPPED_AT_ONCE) break;
      this.#end(log);
      dropped++;
    }
    for (const log of this.#holding) {
      while (this.#isFull && dropped < DROPPED_AT_ONCE && log.buffer.dropOldest(newest)) dropped++;
      this.#rest(log);
      if (!this.#isFull || dropped >= DROPPED_AT_ONCE) break;
    }
    return dropped;
  }

  #log(threadId: string): ThreadLog {
    let log = this.#threads.get(threadId);
    if (log === undefined) {
      const buffer = new LogBuffer(
        this.#epochs.of(threadId),
        this.#retentionOf(threadId),
        this.#clock.now(),
        this.#ledger,
      );
      log = {
        threadId,
        buffer,
        readers: new TailReaders<MemoryReader>((offset) => buffer.hold(offset)),
        isForgotten: false,
      };
      this.#threads.set(threadId, log);
      this.#ledger.bytes += THREAD_BYTES;
    }
    return log;
  }
}

const NEVER = (): boolean => false;
