import type { Connection } from './connection.ts';
import type { Lane, SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';
import type { StreamOptions, TokenStream } from './stream.ts';

export interface ThreadStats {
  /** `idle`, `live`, `draining`; `closed` where nobody uses it: it is opened again when somebody does. */
  readonly state: string;
  readonly members: number;
  /** Members that have messages to come. */
  readonly behind: number;
  /** Messages that the member furthest behind has still to be given. */
  readonly lag: number;
  /** The newest offset of its log; 0 where the thread is closed. */
  readonly head: number;
}

/** A conversation. A handle without state: it may be kept, or asked for anew each time. */
export interface Thread {
  readonly id: string;
  /** Counted when asked, a look at each member. */
  readonly stats: ThreadStats;
  /** The connections that have joined, of this process. */
  readonly members: readonly Connection[];
  /**
   * How many connections have joined, in all processes that share the log: those of others as they were a few seconds ago, of a crashed
   * one for up to 15 seconds.
   * @throws LogUnavailableError
   */
  memberCount(): Promise<number>;
  /**
   * Where the log stands, `epoch.offset.id`.
   * @throws LogUnavailableError
   */
  position(): Promise<string>;
  /**
   * Messages of the log, oldest first, without those that were superseded or have expired.
   * @throws PositionLostError where `from` is of another life of the log, or beyond its end: ask without it; InvalidPositionError,
   *   InvalidOptionError, LogUnavailableError
   */
  history(options?: HistoryOptions): Promise<readonly HistoryMessage[]>;
  /** Resolves when fewer than `readyLimit` sends are under way here and the serializer has places: for publishers in a loop. */
  ready(): Promise<void>;
  /**
   * Serializes the message once, appends it to the log and offers it to every connection; resolves when that is done, and
   * never waits for a slow one.
   *
   * @throws UnserializableMessageError, MessageTooLargeError, SerializationTimeoutError, SerializerQueueFullError,
   *   WorkerFailedError, StreamExistsError, HubClosedError, ThreadClosedError, InvalidOptionError: the message is not in the log;
   *   LogUnavailableError, of a log elsewhere: it may be
   */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Begins a token stream.
   * @throws StreamExistsError, TooManyStreamsError, ThreadClosedError, HubClosedError, InvalidOptionError; where the thread has to
   *   be opened in a remote log first, the stream's methods throw them
   */
  stream(options?: StreamOptions): TokenStream;
}

export interface HistoryOptions {
  /** A position: messages after it. @default the oldest that is held */
  from?: string | undefined;
  /** @default 100 */
  limit?: number | undefined;
}

export interface HistoryMessage {
  readonly id: string;
  /** To resume after it, `epoch.offset.id`. */
  readonly position: string;
  readonly lane: Lane;
  /** The message as it was sent, parsed anew. */
  readonly data: unknown;
}
