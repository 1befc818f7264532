import type { StateChange, ClientState } from './connection-states.ts';

/** A message of a thread. */
export interface Message {
  /** Unique in the thread; the publisher's idempotency key where there was one. */
  readonly id: string;
  /** Its place in the thread's log, growing, not always by one; undefined for a volatile message, which is in no log. */
  readonly offset: number | undefined;
  /** What was published. Check it before you use it. */
  readonly data: unknown;
  /** The thread's position after this message, for `join(threadId, { from })` of a later client. */
  readonly position: string;
  /** A critical message that has overtaken others: they are still to come, and the position has not moved. */
  readonly ahead: boolean;
  /**
   * The token stream that this message ends: the application has been given it as a `stream` event, so it shows its text already.
   * Undefined for every other message, also for an answer that the client has only seen as a whole.
   */
  readonly stream: string | undefined;
  /**
   * W3C `traceparent` of the span under which the message was published, where that is sampled: an OpenTelemetry tracer in the page can
   * go on with it.
   */
  readonly trace: string | undefined;
}

/**
 * Messages are missing: fetch the present state from elsewhere, then go on with what comes. Iterators may still hold
 * messages from before the gap; each message's `position` tells.
 */
export interface Gap {
  /**
   * `trimmed`: they are not kept any more, or were sent while the client was away from a thread that the application joins. `epoch`: the
   * log was started anew. `fork`, `ahead`: the log lost its end. `too-large`: one of more than `maxMessageBytes`. `overflow`: more than
   * `maxBuffered` had to wait for a reader. Other words may come with later servers.
   */
  readonly why: string;
  /** Where the thread goes on. */
  readonly position: string;
}

/** The server has let the client into the thread, for the first time or after a reconnect. */
export interface Joined {
  /** Where the client stands now. */
  readonly position: string;
  /** How many messages of the log the server sends now, at most: some may have been superseded or have expired. */
  readonly recovered: number;
}

/**
 * A text that grows, as the tokens of a model come. Its end is a message of the thread with the stream's id and the whole text as
 * `text`, which is a `message` event like any other; where the publisher did not end it, the message has `aborted`, the reason.
 *
 * Each `for await` gets the text from its beginning, whenever it starts; what has come meanwhile comes in one piece.
 */
export interface ClientStream extends AsyncIterable<string> {
  readonly id: string;
  /** All that has come. */
  readonly text: string;
  /**
   * The final message; undefined where it will not come: the thread was left, or messages are missing (`gap`). A stream that is still
   * growing after a gap is a new `stream` event, with the text from its beginning. Never rejects.
   */
  readonly done: Promise<Message | undefined>;
  /**
   * Asks the publisher to stop, after a reconnect again. What it does is the publisher's business; a refusal is an `error` event of the
   * thread.
   */
  cancel(this: void): void;
}

/** A big message is coming in parts; it is a `message` when all of them are here. */
export interface Progress {
  readonly id: string;
  readonly offset: number;
  /** Parts that have come: of nearly equal size, and not asked for again after a reconnect. */
  readonly parts: number;
  /** Parts in all. */
  readonly of: number;
}

/** The application has removed this client from the thread, or the thread has ended. */
export interface Left {
  /** `kicked`, `deleted`, or the application's own text. */
  readonly reason: string;
}

/** Events of a thread, each with what its listeners are given. */
export interface ThreadEvents {
  message: Message;
  /** A token stream has its first text. */
  stream: ClientStream;
  gap: Gap;
  progress: Progress;
  joined: Joined;
  /**
   * The thread is over, by the server: iterators end when they have given what they hold, and the client does not join it again by itself.
   * `client.join` asks anew.
   */
  left: Left;
  /** JoinRefusedError, ServerError, MessageTooLargeError. Without a listener here it is an `error` event of the client. */
  error: Error;
}

/** How to join a thread. */
export interface JoinOptions {
  /** A position to resume after, as `thread.position` gives it, or `start` for all that the log holds. @default only what comes from now on */
  from?: string | undefined;
  /** Short for `thread.on('gap', ...)`. @default none */
  onGap?: ((gap: Gap) => void) | undefined;
  /** Short for `thread.on('progress', ...)`. @default none */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * A conversation that this client has joined: it stays joined across reconnects, and each message comes exactly once and
 * in order, apart from critical ones that come `ahead`.
 *
 * Until its first listener for `message` or its first iterator is added, messages are held, at most `maxBuffered`; readers that come in the
 * same turn of the event loop get them all. Then the thread waits on the server, unless there are listeners for `stream`: then the oldest
 * messages are given up with a `gap`. A `stream` listener gets the streams that are still growing when it comes.
 */
export interface ClientThread extends AsyncIterable<Message> {
  readonly id: string;
  /** `epoch.offset.id` of the last message that was received in order; undefined before the first `joined`. */
  readonly position: string | undefined;
  /** Returns the function that takes the listener away. What a listener throws becomes an `error` event of the client. */
  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents[E]) => unknown): () => void;
  /** No more messages; iterators give what they hold and end. Leaving twice is once. */
  leave(): void;
  /**
   * The messages from now on. What is not taken yet is held, at most `maxBuffered` messages: then the thread is left on the
   * server, for its listeners too, and joined again from its position when half of them have been taken. So a slow reader
   * costs no memory and misses no logged message, unless the server's log does not reach back so far: that is a `gap`.
   * An iterator that is not read any more must be ended with `return()`, as `break` in `for await` does.
   *
   * Throws JoinRefusedError where the server does not let the client in, ConnectionRefusedError where it closed for good.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>;
}

/** How to publish a message. */
export interface PublishOptions {
  /**
   * Idempotency key, `^[\w.:-]{1,128}$`: a message that is published again in the thread with the same one is the same message. The keys of
   * a user are those of all of the user's clients; those of a client without a user are its own, until it is made anew. @default random
   */
  id?: string | undefined;
  /** How long to wait for the answer, in milliseconds. @default the client's `publishTimeoutMs` */
  timeoutMs?: number | undefined;
  /** W3C `traceparent` of the page's span that publishes: the server's span links to it. @default none */
  trace?: string | undefined;
}

/** The server has taken a message. */
export interface Published {
  /** The idempotency key. */
  readonly id: string;
  /** The message's id in its thread, `Message.id`, where the server sends it on as it came. */
  readonly messageId: string;
  /** Where it is in the thread's log, `epoch.offset.id`; undefined where the server does not tell. */
  readonly position: string | undefined;
}

/** Whether the server can reach its log. */
export interface LogChange {
  readonly isUp: boolean;
}

/** Events of `client.inbox`, each with what its listeners are given. */
export interface InboxEvents {
  message: Message;
  gap: Gap;
}

/**
 * What the server sends to this client alone, `connection.send()`, and to all connections of its user, `hub.user(id).send()`. Each message
 * comes once and in order. What is sent to the user while the client is away comes after the reconnect; what is sent to the connection
 * ends with it.
 *
 * Messages are held for the first reader as in a thread; of those to the connection, and not taken, the oldest are given up with a `gap`.
 */
export interface Inbox extends AsyncIterable<Message> {
  /**
   * Where the client stands in what is sent to its user; undefined before the first message or answer. Keep it, and give it to the client
   * of the next page as `inbox.from` of its options.
   */
  readonly position: string | undefined;
  /** Returns the function that takes the listener away. What a listener throws becomes an `error` event of the client. */
  on<E extends keyof InboxEvents>(event: E, listener: (news: InboxEvents[E]) => unknown): () => void;
  /** The messages from now on; an iterator that is not read any more must be ended with `return()`, as `break` in `for await` does. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>;
}

/** Events of a client, each with what its listeners are given. */
export interface ClientEvents {
  state: StateChange;
  /** `isLogUp` has changed. */
  log: LogChange;
  /**
   * The application has joined a thread for this client, with `connection.join`. The client does not join it again by itself after a
   * reconnect: that is the application's to do, and what was sent meanwhile is a `gap`. `client.join` of it returns the same thread, and
   * makes it one that the client joins by itself, which asks `authorize`.
   */
  thread: ClientThread;
  /**
   * What went wrong without an end to the client: ConnectionFailingError, MalformedFrameError, ServerError, what a listener or `token` threw.
   * Without a listener it goes to `reportError`, in Node to a process warning.
   */
  error: unknown;
}

/** A connection to a hub that comes back by itself. */
export interface Client {
  /**
   * `connecting`: a socket is being opened. `open`: it is. `waiting`: it was lost, another attempt follows.
   * `closed`: for good.
   */
  readonly state: ClientState;
  /**
   * False while the server says that it cannot reach its log: what is published meanwhile may be refused or late, and what others
   * publish may come late; nothing that was accepted is lost. What the server said last, true before.
   */
  readonly isLogUp: boolean;
  /** What the server sends to this client and its user. */
  readonly inbox: Inbox;
  /**
   * Joins now, or as soon as the connection is open. A thread that is joined already is returned as it is, and the options count for
   * nothing: add listeners with `thread.on`. A `leave` is one for all that share it.
   * @throws InvalidThreadIdError, InvalidOptionError, ClientClosedError
   */
  join(threadId: string, options?: JoinOptions): ClientThread;
  /**
   * Sends a message to the thread; it need not be joined.
   *
   * Resolves when the server has accepted it. Until then it is kept, `maxQueued` messages at most, and sent again on each new
   * connection, in order and with the same id: a server that hands the id on as idempotency key has it once. Publish with an `id` of
   * your own where the page may be closed meanwhile, or where you would publish again after a PublishTimeoutError.
   *
   * The message is what `JSON.stringify` makes of `data`: `{}` for a `Map`, a `Set`, an iterator or a promise.
   *
   * Rejects with PublishRefusedError where the server refuses it, PublishTimeoutError where no answer came in time,
   * InvalidThreadIdError, InvalidOptionError, UnserializableMessageError, MessageTooLargeError, PublishQueueFullError, ClientClosedError.
   */
  publish(threadId: string, data: unknown, options?: PublishOptions): Promise<Published>;
  /** Returns the function that takes the listener away. */
  on<E extends keyof ClientEvents>(event: E, listener: (news: ClientEvents[E]) => unknown): () => void;
  /** The end: threads are left, what waits to be published is rejected. Closing twice is once. */
  close(): void;
}
