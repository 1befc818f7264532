import type { Entry, EntryDraft } from './entry.ts';
import type { MaybePromise } from './message.ts';

/** Where a subscription stands in a log. Written `epoch.offset.id`, so that a client without our code can keep it. */
export interface Position {
  /** Names one life of the log; a new one starts when a log lost its history. */
  readonly epoch: string;
  /** Offset of the last message received; 0 before the first. */
  readonly offset: number;
  /** Id of that message; empty before the first, or where the client did not keep it. */
  readonly id: string;
}

/** What an append did. */
export interface Appended {
  /**
   * Its body can be read only where this process holds the entry: a remote log keeps nothing here of a thread without a subscriber, and
   * has given the body back.
   */
  readonly entry: Entry;
  /** The id was in the log already: nothing was appended, `entry` is the one from before. */
  readonly isDuplicate: boolean;
}

/**
 * The part of a thread's log that this process holds in memory, read in place by the pump. Offsets of one epoch are
 * contiguous: an entry that is superseded stays as a mark until it is trimmed. The epoch changes, and the head goes back, only
 * as `onReset` tells.
 */
export interface LogTail {
  readonly epoch: string;
  /** Lowest offset that is held; `head + 1` where nothing is. */
  readonly first: number;
  /** Highest offset; 0 before the first entry. */
  readonly head: number;
  /** Id of the newest entry, also when that is not held any more; empty before the first. */
  readonly headId: string;
  at(offset: number): Entry | undefined;
  /** The entry with this id, where it is held. Without it, a token stream may be begun under the id of a message. */
  byId?(id: string): Entry | undefined;
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
   * @param onReset told when the tail does not go on where it was; it is the new one already
   */
  subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNodeMessage?: (message: string) => void,
    onReset?: (reset: LogReset) => void,
  ): MaybePromise<LogSubscription>;
  /**
   * Tells the subscribers of the thread in the *other* processes something that is in no log: at most once, in the order of the
   * calls, never waited for, nothing where the log cannot be reached. A note travels in one piece, whatever its length. Absent where there are no other processes.
   */
  notify?(threadId: string, message: string): void;
  /** Says how many connections of this process are in the thread, when that has changed; see `membersElsewhere`. */
  announce?(threadId: string, members: number): void;
  /** Connections in the thread in other processes, as they have announced them. Absent where there are no other processes. */
  membersElsewhere?(threadId: string): Promise<number>;
  /**
   * Told each time the log is lost and found again; at once where it is lost now. Absent where it cannot be lost.
   * @param onChange `error` is there while it is lost
   */
  watch?(onChange: (error: Error | undefined) => void): void;
  /**
   * Trims what is too old. Called about once a second.
   * @param isTimeUp true when others are to have their turn. A log that stops for it answers `false`, and is called again soon.
   */
  sweep(isTimeUp?: () => boolean): boolean | void;
  /**
   * Nobody will ever read this thread again: what is held of it is given back when its last subscriber has left. Absent where a log has
   * other ways.
   */
  forget?(threadId: string): void;
  /** Memory of this process that the log holds, by its own count, in bytes. Absent where it does not count. */
  readonly heldBytes?: number;
  close(): MaybePromise<void>;
}

/** The tail has been set to another place. */
export interface LogReset {
  /**
   * `fork`: the log has lost entries that it had reported, restored from a backup, and others may have taken their offsets. `epoch`:
   * another life of the log. `trimmed`: entries were trimmed before this process could read them.
   */
  readonly why: 'fork' | 'epoch' | 'trimmed';
  /** The newest offset that is the same in both, or the one before the oldest that is held now. */
  readonly after: number;
}

export interface LogSubscription {
  readonly tail: LogTail;
  /**
   * Nothing after this offset is trimmed, whatever the retention, until the next `hold` or the end of the subscription: what has
   * not been offered to the members once must not be lost to a burst. Holds nothing until it is called.
   */
  hold(offset: number): void;
  /**
   * Makes the tail hold what comes after this position, as far as the log has it, and sees to it that the tail is not older than
   * the position. Nothing is returned where there is nothing to wait for; absent where the tail is the whole log.
   */
  reach?(from: Position | 'start'): Promise<void> | undefined;
  unsubscribe(): void;
}
