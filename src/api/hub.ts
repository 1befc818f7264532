import type { AttachOptions, UpgradeServer } from './attach.ts';
import type { AcceptOptions, Connection, ConnectionState, LeaveOptions } from './connection.ts';
import type { ThreadDefinition, ThreadId, ThreadShape } from './definition.ts';
import type { HubEvents } from './events.ts';
import type { Health } from './health.ts';
import type { Listener } from './listener.ts';
import type { SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';
import type { Session } from './session.ts';
import type { AcceptedSocket } from './socket.ts';
import type { SummaryOptions, SummaryRequest, ThreadSummary } from './summary.ts';
import type { ThreadGroup } from './thread-group.ts';
import type { Thread } from './thread.ts';

/** One user, with all connections. The object is a handle without state. */
export interface User {
  readonly id: string;
  /** Those of this process, oldest first. */
  readonly connections: readonly Connection[];
  /**
   * Sends to all of the user's connections, through the thread `~user:<id>` (`~user#<hash>` if the id is not valid in a thread id), which
   * the hub joins for them. A client that was away gets the message when it resumes its inbox by a position. Errors are those of
   * `Thread.send`.
   */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Closes all connections of the user, in all processes that share the log: those of this process at once, others within a second. A process
   * that cannot reach the log now closes them when it can. Connections that the user opens after this call are not concerned: end the
   * user's session in your own database first. Codes and reasons are those of `connection.close`.
   * @throws InvalidOptionError; LogUnavailableError: closed in this process, and possibly in others
   */
  close(code?: number, reason?: string): Promise<void>;
  /**
   * Removes all connections of the user from the thread, in all processes, as `connection.leave` does. When and where is as for `close`. A
   * new join of the client asks `authorize`.
   * @throws InvalidThreadIdError, InvalidOptionError; LogUnavailableError: removed in this process, and possibly in others
   */
  leave(threadId: string, options?: LeaveOptions): Promise<void>;
  /**
   * Whether the user has a connection, in any process. What other processes have is a second old; connections of a crashed process count
   * for up to 15 seconds.
   * @throws LogUnavailableError
   */
  isOnline(): Promise<boolean>;
}

/** Whether the hub takes connections and messages (`running`), delivers what it has (`draining`), or has ended. */
export type HubState = 'starting' | 'running' | 'draining' | 'stopped';

/** Whether the serializer takes messages: none where its queue is full (`saturated`), no recipes while workers fail (`degraded`). */
export type SerializerState = 'ready' | 'saturated' | 'degraded' | 'draining' | 'stopped';

/** How the hub sends what many connections get. */
export interface SenderStats {
  /** `native`: by a thread of the package `threadcast-native`, for plain TCP. `inline`: by the event loop. */
  readonly sender: 'native' | 'inline';
  /** Why: whether the package is installed and can be loaded, or what turned it off. */
  readonly senderReason: string;
  /** Writes made by the native sender, for all hubs of the realm. */
  readonly nativeWrites: number;
  /** Connections of all hubs of the realm with a duplicated descriptor. The sender makes one when it first sends to a connection. */
  readonly nativeConnections: number;
}

export interface HubStats extends SenderStats {
  readonly state: HubState;
  readonly serializer: SerializerState;
  readonly connections: Readonly<Record<Exclude<ConnectionState, 'evicted'>, number>> & { readonly total: number };
  readonly threads: number;
  /** Token streams in progress. */
  readonly streams: number;
  /** Frames of token streams handed to sockets. */
  readonly textFrames: number;
  /** Values that the application or a client has set or removed through this hub. */
  readonly valueChanges: number;
  /** Frames of values handed to sockets. */
  readonly valueFrames: number;
  /** Answers of `onPublish` with data that this process has put into the log, see `answer`. */
  readonly answersRemembered: number;
  /** Publications that got the answer of an earlier attempt: `onPublish` was not asked again. */
  readonly answersRepeated: number;
  /** Answers that the log holds in this process; 0 for a log that holds them elsewhere. */
  readonly answersHeld: number;
  /** Calls of `hub.user().close()`, in any process, that this process has carried out. */
  readonly userCloses: number;
  /** Calls of `hub.user().leave()`, likewise. */
  readonly userLeaves: number;
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
  /** Bytes of unfinished messages of clients, and of those that wait to be read or for the application, as the last sweep has found them; see `maxUnfinishedBytes`. */
  readonly unfinishedBytes: number;
  /**
   * Memory of this process that the log holds, by its own count, in bytes: messages and their overhead. 0 for a log that does not count.
   */
  readonly logBytes: number;
  /**
   * The longest time that one slice of the hub's work has held the event loop, in milliseconds: encodings, fan-outs, catch-ups, input, sweeps,
   * history, the end of the hub. What the application reads in one go, such as `members` and `stats()`, is not in it.
   */
  readonly longestSliceMs: number;
}

/** @typeParam Definition those of its `threads` */
export interface Hub<Definition extends ThreadDefinition = never> {
  readonly state: HubState;
  /**
   * Takes over an open WebSocket: from now on, only the hub writes to it.
   * @throws UnsupportedSocketError, TooManyConnectionsError, HubClosedError, InvalidOptionError
   */
  accept(socket: AcceptedSocket, options?: AcceptOptions<Definition>): Connection;
  /**
   * Does the WebSocket handshakes of one path of an HTTP server; each becomes a `connection` event.
   *
   * A browser without our library joins by its URL: `?thread=t1&from=<position>`, with percent-encoded ids. `thread` may repeat, with a
   * `from` for each or none; `?inbox=<position>` joins the messages to its user. A refused join closes the connection with 4403, a
   * malformed one with 4400. A hub that drains or has been closed answers 503, until it is detached or another hub attaches to the path.
   *
   * Requests for other paths are left to the server's other `upgrade` listeners; if there is none, they get a 404. Those listeners must do
   * the same: a `WebSocketServer` of `ws` needs `noServer`, because one with `server` refuses all other paths (`TC_UPGRADE_TAKEN`).
   * `@fastify/websocket` and the `WsAdapter` of Nest take every path: give the hub their WebSockets with `accept`.
   *
   * The server stays yours. To stop, `await hub.drain()` (or `close()`), then call `server.close()`: it waits for connections, and a hub's
   * connections do not end by themselves. A hub without connections does not keep the process alive.
   *
   * @returns a function that detaches: connections stay, clients whose handshake is in progress get a 503
   * @throws InvalidOptionError, also if a running hub is attached to this path of the server; UnsupportedServerError for HTTP/2 without
   * `allowHTTP1`; HubClosedError
   */
  attach<S extends Session = Session>(server: UpgradeServer, options?: AttachOptions<S, Definition>): () => void;
  /**
   * @param threadId 1 to 256 bytes of UTF-8 without control characters or lone surrogates; a leading `~` is reserved for the library.
   * An id of a definition, `room('42')`, gives a thread of its types; a plain text gives one of unknown types.
   * @throws InvalidThreadIdError
   */
  thread<T extends ThreadShape>(threadId: ThreadId<T>): Thread<T>;
  thread(threadId: string): Thread;
  /**
   * Several threads, for one message in all of them.
   * @throws InvalidThreadIdError, InvalidOptionError
   */
  to<T extends ThreadShape>(ids: readonly ThreadId<T>[]): ThreadGroup<T>;
  to(ids: readonly string[]): ThreadGroup;
  /**
   * The newest message and the unread count of each of these threads, in their order, without joining or opening them: a list of 200 chats is
   * one call, and with Redis mostly two round trips for all of them. At most 1,000 threads.
   * @throws InvalidThreadIdError, InvalidOptionError, InvalidPositionError, LogUnavailableError; HistoryFailedError, AnswerTimeoutError:
   * `HubOptions.history`
   */
  summaries(threads: readonly (string | SummaryRequest)[], options?: SummaryOptions): Promise<readonly ThreadSummary[]>;
  /** @throws InvalidOptionError for an id that is not a text, or empty */
  user(userId: string): User;
  readonly connections: Iterable<Connection>;
  /** The open threads, oldest first, including the library's own (`~user:<id>`, `~connection:<id>`). */
  readonly threads: Iterable<Thread>;
  /**
   * How busy the hub is, from 0 to 1: the larger of two values.
   *
   * - How full the serializer's queue is. At 1, messages that do not fit one slice, and recipes, are refused with
   * `TC_SERIALIZER_QUEUE_FULL`; small messages are still sent.
   * - How long fan-out has not caught up: 1 from 100 ms on, which refuses nothing.
   *
   * So a send may succeed at 1. Await `thread.ready()` when you publish in a loop.
   */
  readonly pressure: number;
  stats(): HubStats;
  /** What an orchestrator's probes ask; `healthHandler` answers them over HTTP. Costs next to nothing. */
  health(): Health;
  on<E extends keyof HubEvents>(event: E, listener: Listener<HubEvents[E]>): () => void;
  /**
   * For a deploy: refuses new connections and sends, delivers accepted messages, asks the clients to reconnect, and closes.
   * @param options.timeoutMs how long it waits for connections that are behind. Default 10000
   */
  drain(options?: { timeoutMs?: number }): Promise<void>;
  /** Ends everything now. A second call has no effect. */
  close(): Promise<void>;
}
