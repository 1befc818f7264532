import { systemClock, type Clock } from './clock.ts';
import type { Appended, DeliveryLog, LogSubscription } from './delivery-log.ts';
import type { Entry, EntryDraft } from './entry.ts';
import { randomId, type Position } from './ids.ts';
import { LogBuffer, type Retention } from './log-buffer.ts';
import { checkNumber } from './option-checks.ts';

export interface MemoryLogOptions extends Partial<Retention> {
  /** Bytes of message JSON of all threads together; beyond it, threads without news for longest lose their oldest. @default 1 GiB */
  maxTotalBytes?: number;
  /** @default the system's monotonic clock */
  clock?: Clock;
  /** Makes epochs. @default random UUIDs */
  newId?: () => string;
}

interface ThreadLog {
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
      draft.body.release();
      for (const body of draft.deflated?.values() ?? []) body.release();
      return { entry: known, isDuplicate: true };
    }
    const before = log.buffer.bytes;
    const entry = log.buffer.append(draft, this.#clock.now());
    this.#bytes += log.buffer.bytes - before;
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

  sweep(): void {
    const now = this.#clock.now();
    for (const [threadId, log] of this.#threads) {
      const before = log.buffer.bytes;
      log.buffer.trim(now);
      this.#bytes += log.buffer.bytes - before;
      // a log that nobody reads and that holds nothing is forgotten once a client cannot expect it any more: a position
      // in it is answered with a gap, as it would be after the trim
      if (log.readers.size === 0 && log.buffer.isEmpty && log.buffer.idleSince + this.#retention.maxAgeMs <= now) {
        this.#threads.delete(threadId);
      }
    }
  }

  close(): void {
    for (const log of this.#threads.values()) log.buffer.clear();
    this.#threads.clear();
    this.#bytes = 0;
  }

  #makeRoom(newest: Entry): void {
    const logs = [...this.#threads.values()].toSorted((a, b) => a.buffer.idleSince - b.buffer.idleSince);
    for (const { buffer } of logs) {
      const before = buffer.bytes;
      while (this.#bytes - before + buffer.bytes > this.#maxTotalBytes && buffer.dropOldest(newest));
      this.#bytes += buffer.bytes - before;
      if (this.#bytes <= this.#maxTotalBytes) return;
    }
  }

  #log(threadId: string): ThreadLog {
    let log = this.#threads.get(threadId);
    if (log === undefined) {
      const epoch = this.#newId().replaceAll('-', '').slice(0, 12);
      log = { buffer: new LogBuffer(epoch, this.#retention, this.#clock.now()), readers: new Set() };
      this.#threads.set(threadId, log);
    }
    return log;
  }
}
