import type { ThreadId, ThreadShape } from '../api/definition.ts';
import type { ClientValues } from './values-api.ts';
import type { StateChange, ClientState } from './connection-states.ts';
import type {
  ClientStream,
  Gap,
  HistoryOptions,
  Joined,
  Left,
  Message,
  Older,
  Progress,
  Removed,
  Replaced,
} from './message.ts';

export type {
  ClientStream,
  Gap,
  HistoryOptions,
  Joined,
  Left,
  Message,
  Older,
  OlderMessage,
  Progress,
  Removed,
  Replaced,
} from './message.ts';

/** Events of a thread, each with what its listeners receive. */
export interface ThreadEvents<Data = unknown> {
  message: Message<Data>;
  /** Messages that no reader has taken yet are given in the newest version, and not at all once they were removed. */
  replaced: Replaced<Data>;
  removed: Removed;
  /** A token stream has begun, perhaps without text yet. */
  stream: ClientStream<Data>;
  gap: Gap;
  progress: Progress;
  joined: Joined;
  /**
   * The server has ended the thread for this client. Iterators end when they have returned what they hold, and the client does not rejoin
   * by itself. `client.join` asks again.
   */
  left: Left;
  /** JoinRefusedError, ServerError, MessageTooLargeError. Without a listener here it is an `error` event of the client. */
  error: Error;
}

/** How to join a thread. */
export interface JoinOptions {
  /** A position to resume after, as in `thread.position`, or `start` for everything that the log holds. @default only new messages */
  from?: string | undefined;
  /** Short for `thread.on('gap', ...)`. @default none */
  onGap?: ((gap: Gap) => void) | undefined;
  /** Short for `thread.on('progress', ...)`. @default none */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * One join of a conversation. It stays joined across reconnects, and each message arrives exactly once and in order, apart
 * from critical ones that arrive `ahead`.
 *
 * Until its first listener for `message` or its first iterator is added, the thread holds up to `maxBuffered` messages; readers added in
 * the same turn of the event loop get them all. When they are full, the thread waits on the server. With listeners for streams or
 * values it drops the oldest messages with a `gap` instead. A new `stream` listener gets the streams that are still growing.
 *
 * @typeParam T the types of its definition; unknown without one
 */
export interface ClientThread<T extends ThreadShape = ThreadShape> extends AsyncIterable<Message<T['received']>> {
  readonly id: T['id'];
  /** `epoch.offset.id` of the last message that was received in order; undefined before the first `joined`. */
  readonly position: string | undefined;
  /** Adds a listener and returns the function that removes it. An error that a listener throws becomes an `error` event of the client. */
  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents<T['received']>[E]) => unknown): () => void;
  /** Keyed values: a local view. Undefined unless the client was connected with `values` of `threadcast/values`. */
  readonly values: ClientValues<{ readonly [Key in keyof T['values']]: T['values'][Key] }> | undefined;
  /** The token streams in progress, in the order in which the client has heard of them. */
  readonly streams: readonly ClientStream<T['received']>[];
  /**
   * The token stream with this id, with its text from the beginning to the end. It may begin later: then it waits, until the thread ends or
   * has a gap. If its final message has arrived, it has ended.
   * @throws InvalidOptionError
   */
  follow(streamId: string): ClientStream<T['received']>;
  /**
   * Older messages than this handle has given, page by page: first those from before its first live message. So `[...older, ...live]` has
   * each message once and in order. An edit or removal of an older message is a `replaced` or `removed` event, as for any other.
   *
   * Calls wait for those before them. The client asks again after a reconnect.
   *
   * Rejects with ServerError, for example `TC_POSITION_LOST` after a gap `epoch`, `TC_HISTORY_FAILED`, or `unsupported` from a server
   * without history for clients; ClientClosedError if the handle was left or the thread has ended; InvalidOptionError.
   */
  loadOlder(options?: HistoryOptions): Promise<Older<T['received']>>;
  /**
   * Ends this handle: its listeners get nothing more, and its iterators return what they hold and end. The last handle of a thread leaves it
   * on the server. A second call has no effect.
   */
  leave(): void;
  /**
   * The messages from now on. The iterator holds up to `maxBuffered` unread messages. Beyond that, this handle takes no more, and joins again
   * from its position when half of them have been read. So a slow reader costs no memory, delays no other handle and misses no logged message,
   * unless the server's log does not reach back so far: that is a `gap`.
   *
   * Where this handle also has `message` listeners, or an iterator that keeps up, they are not delayed: the slow iterator loses the oldest
   * half, with a `gap` event `overflow` of this handle. A join of its own loses nothing. End an iterator that is not read any more with
   * `return()`, as `break` in `for await` does.
   *
   * Throws JoinRefusedError if the server does not let the client in, ConnectionRefusedError if it closed for good.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<T['received']>>;
}

/** How to publish a message. */
export interface PublishOptions {
  /**
   * Idempotency key, `^[\w.:-]{1,128}$`: a message published again in the thread with the same key is the same message. All clients of a
   * user share the user's keys. A client without a user has its own keys, until the client is created anew. @default random
   */
  id?: string | undefined;
  /** How long to wait for the answer, in milliseconds. @default the client's `publishTimeoutMs` */
  timeoutMs?: number | undefined;
  /** W3C `traceparent` of the page's span that publishes: the server's span links to it. @default none */
  trace?: string | undefined;
}

/** How to publish a message that may be dropped. */
export interface VolatilePublishOptions extends PublishOptions {
  /**
   * True for a message that is worth nothing later, for example that the user is typing. The client sends it now or drops it: while there is
   * no connection, or too many messages wait for their answers. It never sends it again.
   */
  volatile: boolean;
}

/** The server has accepted a message. */
export interface Published<Data = unknown> {
  /** The idempotency key. */
  readonly id: string;
  /** The message's id in its thread, `Message.id`, if the server sends it on as it came. */
  readonly messageId: string;
  /** Its position in the thread's log, `epoch.offset.id`; undefined if the server does not state it. */
  readonly position: string | undefined;
  /** What the application answers with, `answer(data)` in `onPublish`; undefined without it. Without a definition, check it before you use it. */
  readonly data: Data;
}

/** What `onPublish` answers with in the thread with this id: unknown where that is no id of a definition. */
export type AnsweredIn<Id extends string> = Id extends ThreadId<infer T> ? T['answer'] : unknown;

/** What a client may publish in the thread with this id: anything where that is no id of a definition. */
export type PublishedAs<Id extends string> = Id extends ThreadId<infer T> ? T['publish'] : unknown;

/** Whether the server can reach its log. */
export interface LogChange {
  readonly isUp: boolean;
}

/** Events of `client.inbox`, each with what its listeners receive. */
export interface InboxEvents {
  message: Message;
  replaced: Replaced;
  removed: Removed;
  gap: Gap;
}

/**
 * Messages to this client alone, `connection.send()`, and to all connections of its user, `hub.user(id).send()`. Each message arrives once
 * and in order. Messages that are sent to the user while the client is away arrive after the reconnect. Messages to the connection end with
 * it.
 *
 * The inbox holds messages for the first reader, as a thread does. Of unread messages to the connection, the oldest are dropped with a
 * `gap`.
 */
export interface Inbox extends AsyncIterable<Message> {
  /**
   * The client's position in its user's messages; undefined before the first message or answer. Keep it, and pass it to the client of the
   * next page as the option `inbox.from`.
   */
  readonly position: string | undefined;
  /** Adds a listener and returns the function that removes it. An error that a listener throws becomes an `error` event of the client. */
  on<E extends keyof InboxEvents>(event: E, listener: (news: InboxEvents[E]) => unknown): () => void;
  /** The messages from now on. End an iterator that is not read any more with `return()`, as `break` in `for await` does. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>;
}

/** Why the user must sign in. */
export interface SignIn {
  /** The server's text. */
  readonly reason: string;
}

/** Events of a client, each with what its listeners receive. */
export interface ClientEvents {
  state: StateChange;
  /** `isLogUp` has changed. */
  log: LogChange;
  /**
   * The application has joined a thread for this client, with `connection.join`. The client does not rejoin it by itself after a reconnect:
   * the application does, and messages sent meanwhile are a `gap`. `client.join` makes the client rejoin it by itself, which asks
   * `authorize`. It returns the same handle if that has no reader yet, and no `from` is given.
   */
  thread: ClientThread;
  /**
   * The user must sign in: the server does not accept the token (close code 4401), and a fresh one of the `token` function neither. The client
   * is closed; connect anew after the sign-in.
   */
  signIn: SignIn;
  /**
   * An error that does not end the client: ConnectionFailingError, MalformedFrameError, ServerError, an error of a listener or of `token`.
   * Without a listener it goes to `reportError`, in Node to a process warning.
   */
  error: unknown;
}

/** A connection to a hub that reconnects by itself. */
export interface Client {
  /**
   * The state of the connection.
   *
   * - `connecting`: a socket is being opened.
   * - `open`: the socket is open.
   * - `waiting`: the socket was lost, and another attempt follows.
   * - `closed`: closed for good.
   */
  readonly state: ClientState;
  /**
   * False while the server reports that it cannot reach its log. Published messages may then be refused or late, and messages of others may
   * be late. Accepted messages are not lost. The last report of the server counts; true before the first.
   */
  readonly isLogUp: boolean;
  /** Messages to this client and its user. */
  readonly inbox: Inbox;
  /**
   * Joins now, or as soon as the connection is open. Joins are counted: each call gives a handle of its own, with its own position,
   * listeners, iterators and older messages, and gets what its `from` asks for. A `leave` ends only its handle. The client leaves the thread on
   * the server with the last one. Joins of one thread share a subscription: for a later join, the server begins it anew from the position that
   * the join asks for, and the other handles skip what they have.
   * An id of a definition, `room('42')`, gives a thread of its types; a plain text gives one of unknown types.
   * @throws InvalidThreadIdError, InvalidOptionError, ClientClosedError
   */
  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: JoinOptions): ClientThread<T>;
  join(threadId: string, options?: JoinOptions): ClientThread;
  /**
   * Sends a message to the thread, which need not be joined.
   *
   * Resolves when the server has accepted it. Until then the client keeps it, `maxQueued` messages at most, and sends it again on each new
   * connection, in order and with the same id. A server that passes the id on as idempotency key stores it once. Publish with an `id` of
   * your own if the page may be closed meanwhile, or if you would publish again after a PublishTimeoutError.
   *
   * The message is the result of `JSON.stringify` for `data`: `{}` for a `Map`, a `Set`, an iterator or a promise. Bytes are published by the
   * `connect` of `threadcast/bytes`; here they are an UnserializableMessageError.
   *
   * Rejects with PublishRefusedError if the server refuses it, PublishTimeoutError if no answer arrived in time, InvalidThreadIdError,
   * InvalidOptionError, UnserializableMessageError, MessageTooLargeError, PublishQueueFullError, ClientClosedError.
   */
  publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options?: PublishOptions,
  ): Promise<Published<AnsweredIn<Id>>>;
  /** Resolves with undefined if the message was dropped, or if the connection was lost before the answer. */
  publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options: VolatilePublishOptions,
  ): Promise<Published<AnsweredIn<Id>> | undefined>;
  /** Adds a listener and returns the function that removes it. */
  on<E extends keyof ClientEvents>(event: E, listener: (news: ClientEvents[E]) => unknown): () => void;
  /** Closes for good: leaves all threads, and rejects messages that wait to be published. A second call has no effect. */
  close(): void;
}
