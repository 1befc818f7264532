import type { MaybePromise } from '../infra/log/delivery-log.ts';
import type { Format, Lane } from '../infra/log/entry.ts';
import type { Link, LinkListener } from '../infra/socket/link.ts';
import type { IncomingMessage, Refusal, UpgradeServer } from '../infra/socket/refusal.ts';
import type { ServerWebSocket } from '../infra/socket/ws-link.ts';
import type { Listener } from '../actors/support/emitter.ts';
import type { Receipt } from '../actors/thread/receipt.ts';
import type { SendOptions } from '../actors/thread/resolve-send-options.ts';
import type { StreamOptions, TokenStream } from '../actors/streams/resolve-stream-options.ts';

/** Whether bytes flow (`open`), wait for a peer that does not take them (`retrying`, `tripped`), or the socket has ended. */
export type ConnectionState = 'open' | 'retrying' | 'tripped' | 'evicted';

export interface AcceptOptions {
  /** Whose connection it is, for the application. @default none */
  userId?: string | undefined;
  /** Anything that the application wants to find again as `connection.data`. @default undefined */
  data?: unknown;
  /** `json`: the wire protocol. `plain`: the bare JSON of each message, nothing else. @default 'json' */
  format?: Format | undefined;
  /**
   * Largest frame that this client may send, in bytes, at most the hub's `maxInputBytes`; above it, close code 1009. It is told, so give
   * a WebSocket server's smaller `maxPayload` here. @default the hub's maxInputBytes
   */
  maxInputBytes?: number | undefined;
  /** Whether the client may join a thread that it asks for itself. @default refuses all: the application joins */
  authorize?: ((threadId: string) => boolean | Promise<boolean>) | undefined;
  /** What becomes of what the client publishes, and the answer to it; see `AttachOptions.onPublish`. @default see there */
  onPublish?: ((message: PublishedMessage, connection: Connection) => MaybePromise<PublishAnswer>) | undefined;
}

/** What a client publishes: in a thread that it has joined, or may join. */
export interface PublishedMessage {
  readonly threadId: string;
  /**
   * The message's idempotency key, `^[\w.:-]{1,128}$`: a client that has not seen the answer publishes again with the same one.
   * Give it to `send` as `idempotencyKey`, and to whatever else must not happen twice. The client has chosen it: where you do not trust
   * clients to choose at random, put the user's id before it, or two of them may be taken for one message.
   */
  readonly id: string;
  /** As the client sent it: check it before you use it. */
  readonly data: unknown;
  /** The client's `traceparent`, where it sent one: for `send(message, { traceLink })`. */
  readonly trace: string | undefined;
}

/**
 * What the client is told. A receipt of `send`: accepted, and where the message is. Nothing, or `true`: accepted. `false`, or
 * `refuse(status, message)`: refused.
 */
export type PublishAnswer = Pick<Receipt, 'position'> | Refusal | boolean | null | undefined | void;

/** Who a client is, as `authenticate` found out. */
export interface Session {
  /** Whose connection it is. @default none */
  userId?: string | undefined;
  /** The format, whatever the client asks for. @default what the client asks for */
  format?: Format | undefined;
  /** Whatever `authorize` wants to know. @default none */
  data?: unknown;
}

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface AttachOptions<S extends Session = Session> {
  /** The exact path, without a query. @default '/' */
  path?: string | undefined;
  /**
   * Asked before the 101: answers with a session; with `refuse(status, message)`; or with `false`, `null` or nothing, which is a
   * 401. What it throws is an `error` event of the hub, and a 500. The signal is aborted when the client has gone or the time is
   * up. @default lets everybody in, as nobody in particular
   */
  authenticate?(
    this: void,
    request: IncomingMessage,
    context: { readonly signal: AbortSignal },
  ): MaybePromise<S | Refusal | false | null | undefined>;
  /** How long `authenticate` may take before the client gets a 503. @default 10000 */
  authenticateTimeoutMs?: number | undefined;
  /** Calls of `authenticate` under way at most; further clients get a 503. @default 1000 */
  maxPendingHandshakes?: number | undefined;
  /**
   * Whether the client may join a thread that it asks for itself, by a frame or by `?thread=` in its URL, also when it resumes. The
   * thread of its own user is always allowed. @default refuses all: the application joins
   */
  authorize?(this: void, session: S, threadId: string): MaybePromise<boolean>;
  /**
   * Decides about what a client publishes in a thread that it has joined or that `authorize` would let it join; in others it is
   * refused unasked. Called for one message of a connection after the other, in their order:
   *
   * ```ts
   * onPublish: ({ userId }, { threadId, id, data }) => hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
   * ```
   *
   * Answer when the message is taken, and do what takes long, such as a model's answer, after that: the client's next requests wait for
   * it, apart from a stream's cancel, and after `answerTimeoutMs` of the hub it counts as failed.
   *
   * What it throws refuses the message with the error's code where it is one of this library's; other errors are an `error`
   * event of the hub, and `internal` for the client.
   * @default accepts what a `message` listener of the connection was given, refuses the rest
   */
  onPublish?(this: void, session: S, message: PublishedMessage, connection: Connection): MaybePromise<PublishAnswer>;
  /**
   * Pages that may connect: exact origins (`https://example.com`), a predicate, or `'*'` for all. Others get a 403; requests without
   * an `Origin`, which no browser sends, pass. Behind a proxy that changes `Host`, list the origins.
   * @default those whose host and port are those of the request's `Host`
   */
  allowedOrigins?: readonly string[] | ((origin: string) => boolean) | '*' | undefined;
  /** Largest message that a client may send, at most the hub's `maxInputBytes`; above it, close code 1009. @default maxInputBytes */
  maxPayload?: number | undefined;
  /** Fragments that such a message may consist of; above it, close code 1008. @default 1024 */
  maxFragments?: number | undefined;
  /** The format of clients that ask for none. Offering the subprotocol `threadcast.v1.json` asks for `json`. @default 'json' */
  format?: Format | undefined;
  /**
   * Negotiates permessage-deflate, without context between messages: big messages are compressed once for all. Clients then compress
   * what they send as well, which is inflated here, up to `maxPayload`. @default false
   */
  compress?: boolean | undefined;
  /** Whether `?format=plain` in the URL is granted; if not, a 400. @default true */
  allowPlain?: boolean | undefined;
}

export interface JoinOptions {
  /** A position to resume after, or `start` for all that the log holds. @default only what comes from now on */
  from?: string | undefined;
}

/** What a client said: `pub` of the wire protocol, in a thread that it has joined or may join, or any frame of a `plain` connection (a text, or bytes). */
export interface ClientMessage {
  readonly threadId: string | undefined;
  readonly id: string | undefined;
  /** As the client sent it: check it before you use it. */
  readonly data: unknown;
  /** The client's `traceparent`, where it sent one: for `send(message, { traceLink })`. */
  readonly trace: string | undefined;
}

export interface ConnectionEvents {
  message: ClientMessage;
  state: { readonly from: string; readonly to: string };
  evicted: { readonly code: number; readonly reason: string };
}

export interface ConnectionStats {
  /** The state and the step in it: `open`, `retrying.attempting`. */
  readonly path: string;
  /** Since it was accepted. */
  readonly ageMs: number;
  /** Messages that it has still to be given, in all its threads; those that have expired or were superseded count. */
  readonly lag: number;
  /** How long the last ping barrier took to be answered; undefined before the first answer. */
  readonly roundTripMs: number | undefined;
  /** Messages and bytes handed to the socket. */
  readonly messages: number;
  readonly bytes: number;
  /** Of these, bytes that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** Threads in which it has to catch up. */
  readonly behind: number;
  readonly attempt: number;
  readonly failures: number;
  readonly trips: number;
}

/** One client's socket in the hub. */
export interface Connection {
  readonly id: string;
  readonly userId: string | undefined;
  /** What `accept` or `authenticate` was given to keep with it. */
  readonly data: unknown;
  readonly state: ConnectionState;
  /** Ids of the threads it has joined. */
  readonly threads: readonly string[];
  readonly stats: ConnectionStats;
  /** @throws InvalidThreadIdError, InvalidPositionError, ConnectionClosedError, ThreadClosedError */
  join(threadId: string, options?: JoinOptions): Promise<void>;
  /** Leaving a thread that it is not in changes nothing. */
  leave(threadId: string): void;
  /** To this connection alone. Errors are those of `Thread.send`. */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Closing twice is once. @default code 1000
   * @throws InvalidOptionError: no code that a close frame may carry, or a reason of more than 123 bytes
   */
  close(code?: number, reason?: string): void;
  /** For an operator: opens the breaker now. After the cooldown one probe decides, as ever. No effect where it is open already. */
  trip(): void;
  /** For an operator: forgets failures and lets bytes flow again. No effect on a connection that is `open` or `evicted`. */
  reset(): void;
  /** Returns the function that takes the listener away. What a listener throws becomes an `error` event of the hub. */
  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void;
}

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
   * @throws InvalidPositionError, InvalidOptionError, LogUnavailableError
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

/** All connections of one user. A handle without state. */
export interface User {
  readonly id: string;
  /** Oldest first. */
  readonly connections: readonly Connection[];
  /**
   * To all of them, by the thread `user:<id>` (an id with other characters than a thread's is hashed), which they join by
   * themselves. A client that was away gets it when it resumes that thread by its position. Errors are those of `Thread.send`.
   */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
}

export interface HubEvents {
  connection: Connection;
  /** A machine of this hub has changed its state, or entered the same one again because its time was up. */
  transition: Transition;
  evicted: { readonly connection: Connection; readonly code: number; readonly reason: string };
  /** A log that is elsewhere has been lost, or found again; the connections stay, and catch up by themselves. */
  log: { readonly isUp: boolean; readonly error: Error | undefined };
  /** What threw without anybody to catch it: a listener, an inspector, the log. Without a listener it is a process warning. */
  error: unknown;
}

export interface Transition {
  readonly machine: string;
  /** Id of the actor, `connection:...`, `thread:...`, `hub`, `serializer`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

export interface HubStats {
  readonly state: string;
  /** `ready`, `saturated`, `degraded`, `draining` or `stopped`. */
  readonly serializer: string;
  readonly connections: Readonly<Record<Exclude<ConnectionState, 'evicted'>, number>> & { readonly total: number };
  readonly threads: number;
  /** Token streams under way. */
  readonly streams: number;
  /** Frames of token streams handed to sockets. */
  readonly textFrames: number;
  readonly sendTimeouts: number;
  readonly timeoutRetries: number;
  readonly timeoutFailures: number;
  readonly connectionsEvicted: number;
  readonly connectionsAccepted: number;
  readonly messagesPublished: number;
  readonly sendsFailed: number;
  readonly deliveries: number;
  readonly volatileDropped: number;
  readonly gaps: number;
  readonly resumes: number;
  /** Messages that are being serialized. */
  readonly serializing: number;
  /** Output segments of 256 KiB that messages hold, in the log or on their way to a socket. */
  readonly segmentsInUse: number;
  /** The longest that one slice of fan-out has held the event loop, in milliseconds. */
  readonly longestSliceMs: number;
}

/** A WebSocket of the `ws` package, or a function that makes a link to some other kind of socket. */
export type AcceptedSocket = ServerWebSocket | ((listener: LinkListener) => Link);

export interface Hub {
  readonly state: string;
  /**
   * Takes over an open WebSocket: from here on only the hub writes to it.
   * @throws UnsupportedSocketError, TooManyConnectionsError, HubClosedError, InvalidOptionError
   */
  accept(socket: AcceptedSocket, options?: AcceptOptions): Connection;
  /**
   * Does the WebSocket handshakes of one path of an HTTP server; each becomes a `connection` event. A bare browser joins by its
   * URL: `?thread=t1&from=<position>`, several times where it wants, `from` for all of them or none; a refused one closes the
   * connection with 4403, a malformed one with 4400. A hub that drains or has been closed answers 503, until it is detached
   * or another hub attaches to the path.
   *
   * Requests for other paths are left to the server's other `upgrade` listeners; where there is none, they get a 404. Those must do
   * likewise: a `WebSocketServer` of `ws` needs `noServer`, for one with `server` refuses what is not its own (`TC_UPGRADE_TAKEN`).
   *
   * @returns a function that detaches: connections stay, clients whose handshake is under way get a 503
   * @throws InvalidOptionError, also where a running hub is attached to this path of the server; HubClosedError
   */
  attach<S extends Session = Session>(server: UpgradeServer, options?: AttachOptions<S>): () => void;
  /** @throws InvalidThreadIdError */
  thread(threadId: string): Thread;
  user(userId: string): User;
  readonly connections: Iterable<Connection>;
  /** Those that are open now, the oldest first. */
  readonly threads: Iterable<Thread>;
  /** How busy the hub is: 0 idle, 1 where sends are refused. The serializer's queue, or fan-out that waits for its turn. */
  readonly pressure: number;
  stats(): HubStats;
  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void;
  /**
   * For a deploy: refuses new connections and sends, delivers what was accepted, tells the clients to come back, and closes.
   * @param options.timeoutMs how long it waits for connections that are behind. Default 10000
   */
  drain(options?: { timeoutMs?: number }): Promise<void>;
  /** Ends everything now. Closing twice is once. */
  close(): Promise<void>;
}
