import type { Connection } from './connection.ts';
import type { Lane, SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';
import type { StreamOptions, TokenStream } from './stream.ts';

export interface ThreadStats {
  /** `idle`, `live`, `draining`, or `closed` while it is unused. A closed thread opens again on its next use. */
  readonly state: string;
  readonly members: number;
  /** Members that have not received all messages. */
  readonly behind: number;
  /** Messages that the member furthest behind has not received. */
  readonly lag: number;
  /** The newest offset of its log; 0 while the thread is closed. */
  readonly head: number;
}

/** A conversation. The object is a handle without state: keep it, or ask for it anew each time. */
export interface Thread {
  readonly id: string;
  /** Counted on each read, with a look at each member. */
  readonly stats: ThreadStats;
  /** The connections of this process that have joined. */
  readonly members: readonly Connection[];
  /**
   * How many connections have joined, in all processes that share the log. Counts of other processes are a few seconds old; those of a
   * crashed process count for up to 15 seconds.
   * @throws LogUnavailableError
   */
  memberCount(): Promise<number>;
  /**
   * The current position of the log, `epoch.offset.id`.
   * @throws LogUnavailableError
   */
  position(): Promise<string>;
  /**
   * Messages of the log, each in its newest version, oldest first, without superseded, removed and expired ones.
   * @throws PositionLostError if `from` is of another epoch of the log, or beyond its end: ask without it; InvalidPositionError,
   * InvalidOptionError, LogUnavailableError
   */
  history(options?: HistoryOptions): Promise<readonly HistoryMessage[]>;
  /** Resolves when fewer than `readyLimit` sends are in progress here and the serializer has room. Await it when you publish in a loop. */
  ready(): Promise<void>;
  /**
   * Serializes the message once, appends it to the log and offers it to every connection. It resolves when that is done, and never waits
   * for a slow connection.
   *
   * @throws UnserializableMessageError, MessageTooLargeError, SerializationTimeoutError, SerializerQueueFullError, WorkerFailedError,
   * StreamExistsError, UnknownMessageError (`replaces`), HubClosedError, ThreadClosedError, InvalidOptionError: the message is not in the log; LogUnavailableError, from a
   * shared log: the message may be in it
   */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Erases a message: its bytes are given up in this process and in the log, at once, with those of its earlier versions. Its place in the
   * order and its id stay known. Clients that may have it are told (`removed`); what a client or a socket holds already is not ours to
   * erase. Who may is the application's decision.
   * @throws UnknownMessageError: the log does not hold it, or it was removed; InvalidOptionError, HubClosedError, ThreadClosedError;
   *   LogUnavailableError: it may have been removed
   */
  remove(messageId: string): Promise<Receipt>;
  /**
   * Begins a token stream.
   * @throws StreamExistsError, TooManyStreamsError, ThreadClosedError, HubClosedError, InvalidOptionError; if the thread has to be opened
   * in a shared log first, the stream's methods throw them
   */
  stream(options?: StreamOptions): TokenStream;
}

export interface HistoryOptions {
  /** A position: messages after it. @default the oldest message that the log holds */
  from?: string | undefined;
  /** @default 100 */
  limit?: number | undefined;
}

export interface HistoryMessage {
  readonly id: string;
  /** The position to resume after it, `epoch.offset.id`. */
  readonly position: string;
  readonly lane: Lane;
  /** The message as it was sent, parsed anew. */
  readonly data: unknown;
}
