import type { Entry, EntryDraft } from './entry.ts';
import type { Position } from './ids.ts';

export type MaybePromise<T> = T | Promise<T>;

/** What an append did. */
export interface Appended {
  readonly entry: Entry;
  /** The id was in the log already: nothing was appended, `entry` is the one from before. */
  readonly isDuplicate: boolean;
}

/**
 * The part of a thread's log that this process holds in memory, read in place by the pump. Offsets of one epoch are
 * contiguous: an entry that is superseded stays as a mark until it is trimmed.
 */
export interface LogTail {
  readonly epoch: string;
  /** Lowest offset that is still held; `head + 1` where nothing is. */
  readonly first: number;
  /** Highest offset; 0 before the first entry. */
  readonly head: number;
  at(offset: number): Entry | undefined;
  /** The offset of the first critical entry after `offset`, or undefined. */
  criticalAfter(offset: number): number | undefined;
  /** How many critical entries come after `offset`. */
  criticalCountAfter(offset: number): number;
}

/**
 * A thread's ordered, bounded history of encoded messages: the only queue of the system. One contract test suite holds for
 * every implementation. An implementation in this process answers at once, a remote one with a promise.
 */
export interface DeliveryLog {
  /**
   * Appends and tells the thread's subscriber, in this order. The log owns the draft's reference to the body from here, also
   * when the append fails or is a duplicate.
   */
  append(draft: EntryDraft): MaybePromise<Appended>;
  /** Entries after `offset`, oldest first, at most `limit`; from the oldest held where `offset` has been trimmed. */
  readAfter(threadId: string, offset: number, limit: number): MaybePromise<readonly Entry[]>;
  /** Where the log stands: the position of its newest entry. */
  position(threadId: string): MaybePromise<Position>;
  /**
   * Holds the thread's tail and reports each entry once, in order, also those that other processes append.
   * @param onNote told what other processes `notify`
   */
  subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNote?: (note: string) => void,
  ): MaybePromise<LogSubscription>;
  /**
   * Tells the subscribers of the thread in the *other* processes something that is in no log: at most once, in the order of the
   * calls, never waited for, nothing where the log cannot be reached. Absent where there are no other processes.
   */
  notify?(threadId: string, note: string): void;
  /** Trims what is too old. Called about once a second. */
  sweep(): void;
  close(): MaybePromise<void>;
}

export interface LogSubscription {
  readonly tail: LogTail;
  /**
   * Nothing after this offset is trimmed, whatever the retention, until the next `hold` or the end of the subscription: what has
   * not been offered to the members once must not be lost to a burst. Holds nothing until it is called.
   */
  hold(offset: number): void;
  unsubscribe(): void;
}
