import type { Clock } from './clock.ts';
import type { Entry, EntryDraft } from './entry.ts';
import type { Appended, LogPage, LogReset, LogSubscription, LogTail, Position } from './log.ts';

/** How `makeTail` makes a tail. */
export interface TailOptions {
  /** Names this history of the thread, `^[\w-]{1,64}$`: another one whenever the store has lost entries. */
  readonly epoch: string;
  /** Most entries that it holds. @default 1000 */
  readonly maxEntries?: number | undefined;
  /** Memory in bytes: a message's JSON, its compressed forms, and 1 KiB for each message. @default 64 MiB */
  readonly maxBytes?: number | undefined;
  /** Milliseconds that it holds an entry. @default one hour */
  readonly maxAgeMs?: number | undefined;
  /** The hub's clock. @default the system's monotonic clock */
  readonly clock?: Clock | undefined;
}

/**
 * The newest entries of one thread in the memory of this process, for logs of your own: ids, conflation keys, edits and removals, trimming and
 * subscribers. Your log stores entries, and adds them here in the order of their offsets.
 */
export interface ThreadTail extends LogTail {
  /** The position of the newest entry. */
  readonly position: Position;
  /** Memory of its entries, in bytes. */
  readonly heldBytes: number;
  byId(id: string): Entry | undefined;
  /**
   * Asks whether the draft may be appended: undefined if so. Otherwise the draft is given back, and the answer is the earlier entry with its id.
   * @throws UnknownMessageError: the draft replaces or removes a message that is not held; the draft is given back
   */
  known(draft: EntryDraft): Appended | undefined;
  /** Adds the next entry, whose offset is `head + 1`, and tells the subscribers. Takes over the draft's bodies. */
  add(draft: EntryDraft): Entry;
  /** See `DeliveryLog.readAfter`. */
  readAfter(offset: number, limit: number): readonly Entry[];
  /** See `DeliveryLog.readBefore`. */
  readBefore(before: number, limit: number, maxBytes: number): LogPage;
  /** What `DeliveryLog.subscribe` returns. */
  subscribe(onEntry: (entry: Entry) => void, onReset?: (reset: LogReset) => void): LogSubscription;
  /** Drops everything, and continues after this position, with the next offset. Tells the subscribers why. */
  restart(position: Position, why: LogReset['why']): void;
  /** Drops entries that are too many or too old, some at a time; false if more are left to drop. */
  trim(): boolean;
  /** Releases all entries: the log is closed. */
  clear(): void;
}
