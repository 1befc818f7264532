import type { AttachOptions, Session, UpgradeServer } from './attach.ts';
import type { AcceptOptions, Connection, ConnectionState } from './connection.ts';
import type { HubEvents } from './events.ts';
import type { Listener } from './listener.ts';
import type { SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';
import type { AcceptedSocket } from './socket.ts';
import type { Thread } from './thread.ts';

/** All connections of one user. A handle without state. */
export interface User {
  readonly id: string;
  /** Oldest first. */
  readonly connections: readonly Connection[];
  /**
   * To all of them, by the thread `~user:<id>` (`~user#<hash>` where that is no thread id), which the hub joins for them. A client that was
   * away gets it when it resumes its inbox by a position. Errors are those of `Thread.send`.
   */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
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
  /** Bytes of messages that clients have begun to send and not ended, as the last sweep has found them; see `maxUnfinishedBytes`. */
  readonly unfinishedBytes: number;
  /**
   * Memory of this process that the log holds, by its own count, in bytes: messages with what is around them. 0 for a log that does not
   * count.
   */
  readonly logBytes: number;
  /** The longest that one slice of fan-out has held the event loop, in milliseconds. */
  readonly longestSliceMs: number;
}

export interface Hub {
  readonly state: string;
  /**
   * Takes over an open WebSocket: from here on only the hub writes to it.
   * @throws UnsupportedSocketError, TooManyConnectionsError, HubClosedError, InvalidOptionError
   */
  accept(socket: AcceptedSocket, options?: AcceptOptions): Connection;
  /**
   * Does the WebSocket handshakes of one path of an HTTP server; each becomes a `connection` event. A bare browser joins by its
   * URL: `?thread=t1&from=<position>`, ids percent-encoded, several times where it wants, `from` for all of them or none, and
   * `?inbox=<position>` for what is sent to its user; a refused one closes the connection with 4403, a malformed one with 4400. A hub that drains or has been closed answers 503, until it is detached
   * or another hub attaches to the path.
   *
   * Requests for other paths are left to the server's other `upgrade` listeners; where there is none, they get a 404. Those must do
   * likewise: a `WebSocketServer` of `ws` needs `noServer`, for one with `server` refuses what is not its own (`TC_UPGRADE_TAKEN`). Beside
   * `@fastify/websocket` or the `WsAdapter` of Nest, which take every path, give the hub their WebSockets with `accept`.
   *
   * The server stays yours. To stop, `await hub.drain()` (or `close()`), then `server.close()`: that waits for connections, and those of
   * a hub do not end by themselves. A hub without connections keeps no process alive.
   *
   * @returns a function that detaches: connections stay, clients whose handshake is under way get a 503
   * @throws InvalidOptionError, also where a running hub is attached to this path of the server; UnsupportedServerError: HTTP/2 without
   *   `allowHTTP1`; HubClosedError
   */
  attach<S extends Session = Session>(server: UpgradeServer, options?: AttachOptions<S>): () => void;
  /**
   * @param threadId 1 to 256 bytes of UTF-8 without control characters or lone surrogates; `~` at its beginning is the library's own
   * @throws InvalidThreadIdError
   */
  thread(threadId: string): Thread;
  /** @throws InvalidOptionError where it is no text, or empty */
  user(userId: string): User;
  readonly connections: Iterable<Connection>;
  /** Those that are open now, the oldest first, with the library's own (`~user:<id>`, `~connection:<id>`). */
  readonly threads: Iterable<Thread>;
  /**
   * How busy the hub is, from 0 to 1: the larger of two. How full the serializer's queue is: at 1, messages that do not fit one slice, and
   * recipes, are refused with `TC_SERIALIZER_QUEUE_FULL`, and small ones are still sent. And for how long fan-out has not caught up: 1 from
   * 100 ms on, which refuses nothing. So a send may succeed at 1, and a publisher in a loop waits for `thread.ready()`.
   */
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
