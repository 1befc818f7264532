import type { Connection } from './connection.ts';
import type { ThreadShape } from './definition.ts';
import type { HistoryOptions, HistoryPage } from './history.ts';
import type { Sendable, SendOptions, TransactionOptions } from './message.ts';
import type { PendingReceipt, Receipt } from './receipt.ts';
import type { ThreadValues } from './values.ts';
import type { ChunkStream, ChunkStreamOptions, StreamInProgress, StreamOptions, TokenStream } from './stream.ts';

/** Whether it has members or messages in progress (`live`), takes no more (`draining`), or is not in use. */
export type ThreadState = 'idle' | 'live' | 'draining' | 'closed';

export interface ThreadStats {
  /** `closed` while it is unused. A closed thread opens again on its next use; with Redis, a send alone does not open it. */
  readonly state: ThreadState;
  readonly members: number;
  /** Members that have not received all messages. */
  readonly behind: number;
  /** Messages that the member furthest behind has not received. */
  readonly lag: number;
  /** Its values, as far as members of this process ask for them; 0 while none does. */
  readonly values: number;
  /** The newest offset of its log; 0 while the thread is closed. */
  readonly head: number;
}

/**
 * A conversation. The object is a handle without state: keep it, or ask for it anew each time.
 * @typeParam T the types of its definition; unknown without one
 */
export interface Thread<T extends ThreadShape = ThreadShape> {
  readonly id: T['id'];
  /** Keyed values: small things of now, with an owner and a time. */
  // mapped, so that the compiler compares threads by their members: a typed thread is a Thread
  readonly values: ThreadValues<{ readonly [Key in keyof T['values']]: T['values'][Key] }>;
  /** Counted at each read, in one go, with a look at each member: 0.1 ms for 10,000. */
  readonly stats: ThreadStats;
  /**
   * The connections of this process that have joined. Each read makes the list, in one go: 0.5 ms of CPU for 10,000 members. For their number
   * alone, read `stats.members`.
   */
  readonly members: readonly Connection[];
  /**
   * How many connections have joined, in all processes that share the log. Counts of other processes are a few seconds old; those of a
   * crashed process count for up to 15 seconds.
   * @throws LogUnavailableError
   */
  memberCount(): Promise<number>;
  /**
   * The ids of the users with a connection in the thread, in all processes that share the log, each once, in no order. Connections without
   * a `userId` are not counted. What other processes have is a few milliseconds old; users of a crashed process stay for up to 15 seconds.
   * @throws LogUnavailableError; LogUnsupportedError: the log has no `presence`
   */
  users(): Promise<readonly string[]>;
  /**
   * The current position of the log, `epoch.offset.id`.
   * @throws LogUnavailableError
   */
  position(): Promise<string>;
  /**
   * A page of the thread's messages, the newest unless `before` or `after` says otherwise: of the log, and beyond it of
   * `HubOptions.history`. It has each message whose `send` has resolved, in any process. Parsed in slices, so that it does not block the event
   * loop. Does not open the thread.
   * @throws PositionLostError if `before` or `after` is of another epoch of the log, or beyond its end: ask without it;
   * InvalidPositionError, InvalidOptionError, LogUnavailableError; HistoryFailedError, AnswerTimeoutError: `HubOptions.history`
   */
  history(options?: HistoryOptions): Promise<HistoryPage<T['received']>>;
  /** Resolves when fewer than `readyLimit` sends are in progress here and the serializer has room. Await it when you publish in a loop. */
  ready(): Promise<void>;
  /**
   * Inserts the message in a transaction of the application, and resolves when that is done. It gets its offset after the commit, in the
   * order of the commits, and is delivered then, or never. At most 1 MiB.
   * @throws LogUnsupportedError: the log has no transactions; otherwise as without one. Then nothing was inserted, and the transaction may have failed
   */
  send(message: Sendable<T['message']>, options: TransactionOptions): Promise<PendingReceipt>;
  /**
   * Serializes the message once, appends it to the log and offers it to every connection. It resolves when that is done, and never waits
   * for a slow connection.
   *
   * @throws UnserializableMessageError, MessageTooLargeError, SerializationTimeoutError, SerializerQueueFullError, WorkerFailedError,
   * StreamExistsError, UnknownMessageError (`replaces`), HubClosedError, ThreadClosedError, InvalidOptionError: the message is not in the log;
   * LogUnavailableError, from a shared log: the message may be in it; InvalidMessageError, in development: the thread's definition refuses it
   */
  send(message: Sendable<T['message']>, options?: SendOptions): Promise<Receipt>;
  /**
   * Erases a message: its bytes are given up in this process and in the log, at once, with those of its earlier versions. Its place in the
   * order and its id stay known. Clients that may have it are told (`removed`); what a client or a socket holds already is not ours to
   * erase. Who may is the application's decision.
   * @throws UnknownMessageError: the log does not hold it, or it was removed; InvalidOptionError, HubClosedError, ThreadClosedError;
   *   LogUnavailableError: it may have been removed
   */
  remove(messageId: string): Promise<Receipt>;
  /**
   * Erases the thread: all of its messages, in this process and in the log, at once. Token streams in progress end without a message. All
   * members, of all processes, leave it with the reason `deleted`. What a client or a socket holds already cannot be erased. The thread can be
   * used again: it begins anew, with a new epoch. A message that is sent meanwhile is erased too, or is the first of the new epoch.
   * @throws HubClosedError; LogUnavailableError: it may have been erased, or this log cannot erase
   */
  delete(): Promise<void>;
  /**
   * Begins a stream of chunks. Throws as below.
   */
  stream<Chunk>(options: ChunkStreamOptions<Chunk>): ChunkStream<Chunk>;
  /**
   * Begins a token stream.
   * @throws StreamExistsError, TooManyStreamsError, ThreadClosedError, HubClosedError, InvalidOptionError; if the thread has to be opened
   * in a shared log first, the stream's methods throw them
   */
  stream(options?: StreamOptions): TokenStream<T['message']>;
  /**
   * The token streams in progress, of all processes, in the order in which this process has heard of them. Empty while the thread is not
   * open here: then no member of it is here, and no stream of this process.
   */
  streams(): readonly StreamInProgress[];
}

/** What a schema finds wrong with a message. */
export interface MessageIssue {
  /** The keys that lead to it: `user.name`, `items.0`. Empty for the message as a whole. At most 256 UTF-16 units. */
  readonly path: string;
  /** The schema's text, at most 256 UTF-16 units. */
  readonly message: string;
}
