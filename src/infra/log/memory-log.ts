import { systemClock } from '../time/clock.ts';
import type { Appended, DeliveryLog, LogSubscription } from './delivery-log.ts';
import { releaseDraft, type Entry, type EntryDraft } from './entry.ts';
import { randomId, type Position } from './ids.ts';
import { LogBuffer, type Retention } from './log-buffer.ts';
import { checkNumber, type Optional } from '../option-checks.ts';
import { LruList } from './lru-list.ts';
import type { Clock } from '../../api/clock.ts';

export interface MemoryLogOptions extends Optional<Retention> {
  /** Bytes of message JSON of all threads together; beyond it, threads without news for longest lose their oldest. @default 1 GiB */
  maxTotalBytes?: number | undefined;
  /** @default the system's monotonic clock */
  clock?: Clock | undefined;
  /** Makes epochs. @default random UUIDs */
  newId?: (() => string) | undefined;
}

/** Threads that one sweep looks at: with a hundred thousand of them, all at once would hold the event loop. */
const SWEPT_AT_ONCE = 10_000;

interface ThreadLog {
  readonly threadId: string;
  readonly buffer: LogBuffer;
  readonly readers: Set<Reader>;
}

interface Reader {
  readonly onEntry: (entry: Entry) => void;
  /** See `LogSubscription.hold`. */
  heldAfter: number;
}

/** The default log: in this process, bounded by entries, bytes and age for each thread. A restart starts new epochs. */
export function memoryLog(options: MemoryLogOptions = {}): DeliveryLog {
  return new MemoryLog(options);
}

class MemoryLog implements DeliveryLog {
  readonly #threads = new Map<string, ThreadLog>();
  /** Those that hold entries, the one without news for longest first. */
  readonly #holding = new LruList<ThreadLog>();
  #swept: Iterator<ThreadLog> | undefined;
  readonly #retention: Retention;
  readonly #maxTotalBytes: number;
  #bytes = 0;
  readonly #clock: Clock;
  readonly #newId: () => string;

  constructor(options: MemoryLogOptions) {
    this.#retention = {
      maxEntries: checkNumber('log.maxEntries', options.maxEntries, 1_000, { min: 1, max: 10_000_000 }),
      maxBytes: checkNumber('log.maxBytes', options.maxBytes, 64 * 1024 * 1024, { min: 1 }),
      maxAgeMs: checkNumber('log.maxAgeMs', options.maxAgeMs, 3_600_000, { min: 1 }),
    };
    this.#maxTotalBytes = checkNumber('log.maxTotalBytes', options.maxTotalBytes, 1024 ** 3, { min: 1 });
    this.#clock = options.clock ?? systemClock;
    this.#newId = options.newId ?? randomId;
  }

  append(draft: EntryDraft): Appended {
    const log = this.#log(draft.threadId);
    const known = log.buffer.byId(draft.id);
    if (known !== undefined) {
      releaseDraft(draft);
      return { entry: known, isDuplicate: true };
    }
    const before = log.buffer.bytes;
    const entry = log.buffer.append(draft, this.#clock.now());
    this.#bytes += log.buffer.bytes - before;
    this.#holding.use(log);
    if (this.#bytes > this.#maxTotalBytes) this.#makeRoom(entry);
    for (const { onEntry } of log.readers) onEntry(entry);
    return { entry, isDuplicate: false };
  }

  readAfter(threadId: string, offset: number, limit: number): readonly Entry[] {
    return this.#threads.get(threadId)?.buffer.readAfter(offset, limit, this.#clock.now()) ?? [];
  }

  position(threadId: string): Position {
    return this.#log(threadId).buffer.position;
  }

  subscribe(threadId: string, onEntry: (entry: Entry) => void): LogSubscription {
    const log = this.#log(threadId);
    const reader: Reader = { onEntry, heldAfter: Infinity };
    log.readers.add(reader);
    const hold = (): void => log.buffer.hold(Math.min(Infinity, ...[...log.readers].map(({ heldAfter }) => heldAfter)));
    return {
      tail: log.buffer,
      hold: (offset) => {
        reader.heldAfter = offset;
        hold();
      },
      unsubscribe: () => {
        log.readers.delete(reader);
        hold();
      },
    };
  }

  /** Looks at some of them, where the last sweep stopped: a Map's iterator goes on with what came and went meanwhile. */
  sweep(): void {
    const swept = (this.#swept ??= this.#threads.values());
    for (let left = SWEPT_AT_ONCE; left > 0; left--) {
      const next = swept.next();
      if (next.done === true) {
        this.#swept = undefined;
        return;
      }
      this.#trim(next.value);
    }
  }

  close(): void {
    for (const log of this.#threads.values()) log.buffer.clear();
    this.#threads.clear();
    this.#holding.clear();
    this.#bytes = 0;
  }

  #trim(log: ThreadLog): void {
    const { buffer } = log;
    const now = this.#clock.now();
    const before = buffer.bytes;
    buffer.trim(now);
    this.#bytes += buffer.bytes - before;
    if (!buffer.isEmpty) return;
    this.#holding.delete(log);
    // a log that nobody reads and that holds nothing is forgotten once a client cannot expect it any more: a position
    // in it is answered with a gap, as it would be after the trim
    const isForgotten = log.readers.size === 0 && buffer.idleSince + this.#retention.maxAgeMs <= now;
    if (isForgotten) this.#threads.delete(log.threadId);
  }

  #makeRoom(newest: Entry): void {
    for (const log of this.#holding) {
      const { buffer } = log;
      const before = buffer.bytes;
      while (this.#bytes - before + buffer.bytes > this.#maxTotalBytes && buffer.dropOldest(newest));
      this.#bytes += buffer.bytes - before;
      if (buffer.isEmpty) this.#holding.delete(log);
      if (this.#bytes <= this.#maxTotalBytes) return;
    }
  }

  #log(threadId: string): ThreadLog {
    let log = this.#threads.get(threadId);
    if (log === undefined) {
      const epoch = this.#newId().replaceAll('-', '').slice(0, 12);
      log = { threadId, buffer: new LogBuffer(epoch, this.#retention, this.#clock.now()), readers: new Set() };
      this.#threads.set(threadId, log);
    }
    return log;
  }
}
