import type { Other } from './errors.ts';

/** A message of a thread. */
export interface Message<Data = unknown> {
  /** Unique in the thread; the publisher's idempotency key if there was one. */
  readonly id: string;
  /** Its offset in the thread's log: it grows, not always by one. Undefined for a volatile message, which is in no log. */
  readonly offset: number | undefined;
  /**
   * When the server logged it, in milliseconds since 1970: the same for all clients. From a server of version 0.1, when it arrived. An edit
   * does not change it.
   */
  readonly at: number;
  /** The published data. In a thread without a definition, check it before you use it. */
  readonly data: Data;
  /** The thread's position after this message, for `join(threadId, { from })` of a later client. */
  readonly position: string;
  /** A critical message that has overtaken others: they follow, and the position has not moved. */
  readonly ahead: boolean;
  /**
   * The token stream that this message ends. The application has received it as a `stream` event, so it already shows the text. Undefined
   * for every other message, also for an answer of which the client has only seen the final message.
   */
  readonly stream: string | undefined;
  /**
   * W3C `traceparent` of the span under which the message was published, if that is sampled. An OpenTelemetry tracer in the page can
   * continue it.
   */
  readonly trace: string | undefined;
}

/**
 * Messages are missing: fetch the present state from elsewhere, then continue with the new messages. Iterators may still hold messages from
 * before the gap; compare each message's `position`.
 */
export interface Gap {
  /**
   * Why messages are missing. Later servers may send other words.
   *
   * - `trimmed`: the log no longer has them, or they were sent while the client was away from a thread that only the application joins.
   * - `epoch`: the log was recreated.
   * - `fork`, `ahead`: the log lost its newest entries.
   * - `too-large`: a message of more than `maxMessageBytes`.
   * - `overflow`: more than `maxBuffered` messages had to wait for a reader.
   */
  readonly why: 'trimmed' | 'epoch' | 'fork' | 'ahead' | 'too-large' | 'overflow' | Other;
  /** The position at which the thread continues. */
  readonly position: string;
}

/** A message of a thread's past. */
export interface OlderMessage<Data = unknown> extends Message<Data | undefined> {
  /** Undefined for a message with `bytes`. */
  readonly data: Data | undefined;
  /** Of this thread only, as in `thread.history` of the server. */
  readonly cursor: string;
  /** Bytes of a message of more than 256 KiB, which comes without `data`: fetch it by other means. Undefined for every other message. */
  readonly bytes: number | undefined;
}

/** Which older messages to load. */
export interface HistoryOptions {
  /** Maximum messages, 1 to 1000. @default 50 */
  limit?: number | undefined;
}

/** Messages from before those that a thread has given. */
export interface Older<Data = unknown> {
  /** Oldest first, each in its newest version. Those from `history.load` of the server have no `offset`, and an empty `position`. */
  readonly messages: readonly OlderMessage<Data>[];
  /** There may be messages before these: call again. False is certain. */
  readonly hasOlder: boolean;
}

/** The server has let the client into the thread, for the first time or after a reconnect. */
export interface Joined {
  /** The client's current position. */
  readonly position: string;
  /** Maximum messages of the log that the server sends now: some may have been superseded or have expired. */
  readonly recovered: number;
}

/**
 * A text that grows, as a model produces tokens. Its end is a message of the thread with the stream's id and the whole text as `text`, and
 * a `message` event like any other. If the publisher did not end it, the message has `aborted`, the reason.
 *
 * Each `for await` gets the text from its beginning, whenever it starts; the text so far comes in one piece.
 */
export interface ClientStream<Data = unknown> extends AsyncIterable<string> {
  readonly id: string;
  /** All text received so far. Empty for a stream of chunks. */
  readonly text: string;
  /** The name of its codec, in a client of `threadcast/chunks`. Undefined for text, and before it begins. */
  readonly codec?: string | undefined;
  /**
   * In a client of `threadcast/chunks`: all chunks received so far, as the codec folds them, without transient ones. Of a text stream, its text.
   * `chunksOf` gives them with their type.
   */
  readonly chunks?: readonly unknown[];
  /**
   * The final message. Undefined if it will not come: the client left the thread, or messages are missing (`gap`). A stream that is still
   * growing after a gap is a new `stream` event, with the text from its beginning. Never rejects.
   */
  readonly done: Promise<Message<Data> | undefined>;
  /** Asks the publisher to stop, and asks again after a reconnect. The publisher decides. A refusal is an `error` event of the thread. */
  cancel(this: void): void;
}

/** A big message is arriving in parts. It becomes a `message` event when all of them have arrived. */
export interface Progress {
  readonly id: string;
  readonly offset: number;
  /** Received parts, of nearly equal size. They are not requested again after a reconnect. */
  readonly parts: number;
  /** Number of all parts. */
  readonly of: number;
}

/** A message has a newer version, which takes the place of the one that was received. */
export interface Replaced<Data = unknown> {
  /** `Message.id` of the message. It may be older than what this client was given. */
  readonly id: string;
  /** The message as it is now. In a thread without a definition, check it before you use it. */
  readonly data: Data;
  /** The thread's position after this edit. */
  readonly position: string;
}

/** A message has been erased: forget it, and what was made of it. */
export interface Removed {
  /** `Message.id` of the message. It may be one that this client does not have. */
  readonly id: string;
  /** The thread's position after the removal. */
  readonly position: string;
}

/** The application has removed this client from the thread, or the thread has ended. */
export interface Left {
  /** Or the application's own text. */
  readonly reason: 'kicked' | 'deleted' | Other;
}
