import type { Entry, EntryDraft } from './entry.ts';
import type { LogAnswers } from './log-answers.ts';
import type { LogPresence } from './log-presence.ts';
import type { LogValues } from './log-values.ts';
import type { MaybePromise, Transaction } from './message.ts';

/** A position in a log. Written `epoch.offset.id`, so that a client without our library can keep it. */
export interface Position {
  /** Names one history of the log; a new epoch starts when a log has lost its history. */
  readonly epoch: string;
  /** Offset of the last message received; 0 before the first. */
  readonly offset: number;
  /** Id of that message; empty before the first, or if the client did not keep it. */
  readonly id: string;
}

/** The result of an append. */
export interface Appended {
  /**
   * Its body can be read only if this process holds the entry. A shared log keeps nothing here of a thread without a subscriber, and has
   * released the body.
   */
  readonly entry: Entry;
  /** The id was already in the log: nothing was appended, `entry` is the earlier one. */
  readonly isDuplicate: boolean;
  /** The epoch of the thread. Absent, the subscriber's tail says it. */
  readonly epoch?: string | undefined;
}

/**
 * The part of a thread's log that this process holds in memory; the fan-out reads it in place. Offsets of one epoch are contiguous: a
 * superseded entry stays as a mark until it is trimmed. The epoch changes, and the head goes back, only as `onReset` reports.
 */
export interface LogTail {
  readonly epoch: string;
  /** Lowest held offset; `head + 1` if none is held. */
  readonly first: number;
  /** Highest offset; 0 before the first entry. */
  readonly head: number;
  /** Id of the newest entry, even if that is not held any more; empty before the first. */
  readonly headId: string;
  /** Id of the entry before the lowest held offset; empty if it is not known. Only with it, a `fork` there is noticed. */
  readonly idBefore?: string;
  at(offset: number): Entry | undefined;
  /** The held entry with this id. Without this method, a token stream may begin under the id of a message. */
  byId?(id: string): Entry | undefined;
  /** The offset of the first critical entry after `offset`, or undefined. */
  criticalAfter(offset: number): number | undefined;
  /** How many critical entries come after `offset`. */
  criticalCountAfter(offset: number): number;
}

/** A message that waits for the commit of a transaction. */
export interface Staged {
  /** Resolves when it is in the log, or with undefined when its transaction was rolled back. */
  readonly committed: Promise<Appended | undefined>;
}

/**
 * A thread's ordered, bounded history of encoded messages: the only queue of the system. One contract test suite holds for every
 * implementation. An implementation in this process answers synchronously, a remote one with a promise.
 */
export interface DeliveryLog {
  /**
   * Appends and tells the thread's subscriber, in this order. The log owns the draft's reference to the body from here, also
   * when the append fails or is a duplicate.
   *
   * A `replace` gets an offset of its own, and takes the place of its target as well: from now on, readers of the target get the newest
   * version there. A `remove` leaves the target's place empty. The bytes of the target, and of earlier versions, are erased at once, in
   * this process and wherever the log keeps them. Ids of both stay known.
   * @throws UnknownMessageError: the log does not hold the target as a message, or it was removed; nothing was appended
   */
  append(draft: EntryDraft): MaybePromise<Appended>;
  /**
   * `append` also says the epoch, and needs no subscriber of the thread in this process. The hub then sends to a thread without members here
   * without opening it. Absent, each send opens its thread first.
   */
  readonly appendsUnread?: boolean;
  /**
   * Inserts the draft with a client of the application's transaction. After the commit, it is appended as by `append`. Takes over the draft's body.
   * Absent if the log has no transactions.
   * @throws LogUnavailableError, MessageTooLargeError: nothing was inserted
   */
  stage?(draft: EntryDraft, transaction: Transaction): Promise<Staged>;
  /**
   * Messages after `offset`, each in its newest version, oldest first, at most `limit`; from the oldest held where `offset` has been
   * trimmed. Without those that were superseded, removed or have expired.
   */
  readAfter(threadId: string, offset: number, limit: number): MaybePromise<readonly Entry[]>;
  /**
   * The newest messages before an offset, or of all. Reads from the end, so that a page costs what it holds. Does not create the thread. Has
   * what any process has appended before the call, also where this process holds the thread and has not heard of it yet.
   * @param before Infinity for the newest of all
   * @param maxBytes the page ends before the message that would exceed this, but holds one at least
   */
  readBefore(threadId: string, before: number, limit: number, maxBytes: number): MaybePromise<LogPage>;
  /** The position of the newest entry. */
  position(threadId: string): MaybePromise<Position>;
  /**
   * Holds the thread's tail and reports each entry once, in order, including those that other processes append.
   * @param onNodeMessage receives what other processes pass to `notify`
   * @param onReset called when the tail does not continue where it was; it is already the new one
   */
  subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNodeMessage?: (message: string) => void,
    onReset?: (reset: LogReset) => void,
  ): MaybePromise<LogSubscription>;
  /**
   * Sends a message that is in no log to the subscribers of the thread in the *other* processes: at most once, in the order of the calls,
   * without waiting. It is dropped while the log is unreachable. It travels in one piece, whatever its length. Absent if there are no other
   * processes.
   */
  notify?(threadId: string, message: string): void;
  /** Reports how many connections of this process are in the thread, when that has changed; see `membersElsewhere`. */
  announce?(threadId: string, members: number): void;
  /** Connections in the thread in other processes, as they have reported them. Absent if there are no other processes. */
  membersElsewhere?(threadId: string): Promise<number>;
  /**
   * Called each time the log becomes unreachable or reachable again; at once if it is unreachable now. Absent if that cannot happen.
   * @param onChange `error` is set while it is unreachable
   */
  watch?(onChange: (error: Error | undefined) => void): void;
  /**
   * Trims old entries. Called about once a second.
   * @param isTimeUp true when other work should have its turn. A log that stops for it returns `false`, and is called again soon.
   */
  sweep(isTimeUp?: () => boolean): boolean | void;
  /**
   * This thread will not be read again: the log releases its memory when its last subscriber has left. Absent if a log needs no such call.
   */
  forget?(threadId: string): void;
  /**
   * Erases all entries, values and remembered answers of the thread, at once, in this process and wherever the log keeps them. The thread has a new epoch. Subscribers of
   * all processes get `onReset` with `deleted`, also those that could not be reached meanwhile. Absent if a log cannot erase.
   */
  erase?(threadId: string): MaybePromise<void>;
  /** The members of each process. Without it, the hub refuses what needs it with `TC_LOG_UNSUPPORTED`. */
  readonly presence?: LogPresence | undefined;
  /** Remembered answers. Without it, the hub asks `onPublish` about each retry of a client. */
  readonly answers?: LogAnswers | undefined;
  /** Keyed values. Without it, the hub refuses what needs it with `TC_LOG_UNSUPPORTED`. */
  readonly values?: LogValues | undefined;
  /** Memory of this process that the log holds, by its own count, in bytes. Absent if it does not count. */
  readonly heldBytes?: number;
  close(): MaybePromise<void>;
}

/** Messages that are next to each other in a log. */
export interface LogPage {
  /** The position of the newest entry of the log. The epoch is empty where the thread has no log. */
  readonly position: Position;
  /** The lowest offset that the log holds there; one above the newest if it holds none. */
  readonly first: number;
  /** Oldest first, each in its newest version, without those that were superseded, removed or have expired. */
  readonly entries: readonly Entry[];
  /** The log holds messages before these. */
  readonly hasOlder: boolean;
}

/** The tail has moved to another position. */
export interface LogReset {
  /**
   * Why the tail moved.
   *
   * - `fork`: the log has lost entries that it had reported, for example restored from a backup, and others may have taken their offsets.
   * - `epoch`: the log has a new epoch.
   * - `trimmed`: entries were trimmed before this process could read them.
   * - `deleted`: the thread was erased, here or in another process; what follows is a new epoch.
   */
  readonly why: 'fork' | 'epoch' | 'trimmed' | 'deleted';
  /** The newest offset that is the same in both, or the one before the oldest entry that is held now. */
  readonly after: number;
}

export interface LogSubscription {
  readonly tail: LogTail;
  /**
   * When this was subscribed, no other process had the thread, so none need be asked for what it has of token streams. Absent or false if that
   * is not known.
   */
  readonly isAlone?: boolean;
  /**
   * Keeps entries after this offset from being trimmed, whatever the retention, until the next `hold` or the end of the subscription. A
   * burst must not remove entries that have not been offered to the members once. Holds nothing until it is called.
   */
  hold(offset: number): void;
  /**
   * Makes the tail hold the entries after this position, as far as the log has them, and makes sure that the tail is not older than the
   * position. Returns undefined if there is nothing to wait for. Absent if the tail is the whole log.
   */
  reach?(from: Position | 'start'): Promise<void> | undefined;
  unsubscribe(): void;
}
