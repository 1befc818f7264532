import type { Lane, MaybePromise } from './message.ts';

/** Which messages `thread.history` reads: the newest page of them, or the oldest if only `after` is given. */
export interface HistoryOptions {
  /** A position, or the `cursor` of a message: messages before it. @default up to the newest */
  before?: string | undefined;
  /** Likewise: messages after it. @default from the oldest */
  after?: string | undefined;
  /** Messages of the page, 1 to 1000. A page also ends at 4 MiB, but holds one message at least. @default 100 */
  limit?: number | undefined;
}

/** A page of a thread's messages. */
export interface HistoryPage<Data = unknown> {
  /** Oldest first, each in its newest version, without those that were superseded, removed or have expired. */
  readonly messages: readonly HistoryMessage<Data>[];
  /** There may be messages before these: ask with `before`, the `cursor` of the first one. False is certain. */
  readonly hasOlder: boolean;
  /** Messages after `after` are missing: the log does not reach back so far. The page begins after `position`. */
  readonly gap?: { readonly why: 'trimmed'; readonly position: string } | undefined;
}

interface AnyHistoryMessage {
  readonly id: string;
  /** The position to resume after it, `epoch.offset.id`. Undefined if it is from `HubOptions.history`. */
  readonly position: string | undefined;
  /** For `before` and `after`, of this thread only. */
  readonly cursor: string;
  readonly lane: Lane;
  /** When it was logged, in milliseconds since 1970. */
  readonly at: number;
}

/** A message of at most 1 MiB, or one of bytes, of any size. */
export interface SmallHistoryMessage<Data = unknown> extends AnyHistoryMessage {
  /** The message as it was sent, parsed anew. Of a message of bytes, a copy: a `Uint8Array`. */
  readonly data: Data;
  readonly bytes?: undefined;
}

/** A message of more than 1 MiB, not of bytes. */
export interface BigHistoryMessage<Data = unknown> extends AnyHistoryMessage {
  readonly data?: undefined;
  /** The message's JSON. */
  readonly bytes: Uint8Array;
  /** The message, parsed in a worker thread. Its copy to this thread takes time too, which grows with the message. */
  json(this: void): Promise<Data>;
}

/** A message of a thread's past. */
export type HistoryMessage<Data = unknown> = SmallHistoryMessage<Data> | BigHistoryMessage<Data>;

/** The application's database, for messages that the log holds no longer. */
export interface HistorySource {
  /**
   * Messages of the thread before a message, the newest of them, oldest first. Only threads are asked about that the client may join.
   *
   * A failure, an answer after `answerTimeoutMs` and one of another shape are an `error` event of the hub; a page without messages of the
   * log is then refused with `TC_HISTORY_FAILED` or `TC_ANSWER_TIMEOUT`.
   */
  load(threadId: string, range: HistoryRange): MaybePromise<LoadedHistory>;
}

export interface HistoryRange {
  /** The oldest message that the reader has, to be found by its `id`; undefined for the newest messages. */
  readonly before: HistorySeam | undefined;
  /** Maximum messages, 1 to 1000. */
  readonly limit: number;
  /** Aborted when `answerTimeoutMs` is over. */
  readonly signal: AbortSignal;
}

export interface HistorySeam {
  readonly id: string;
  /** Milliseconds since 1970; undefined if the reader has only a position. */
  readonly at: number | undefined;
  /** What `load` returned with the message. A client can send any text here: check it as you check other input. */
  readonly cursor: string | undefined;
}

export interface LoadedHistory {
  readonly messages: readonly LoadedMessage[];
  readonly hasOlder: boolean;
}

export interface LoadedMessage {
  /** The id that the message had in the thread: `^[\w.:-]{1,128}$`. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** JSON, or a `Uint8Array` for a message of bytes. */
  readonly data: unknown;
  /** Where it is in the database, at most 1024 UTF-16 units. @default found by its `id` */
  readonly cursor?: string | undefined;
}
