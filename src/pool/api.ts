import type { Meter, Tracer } from '@opentelemetry/api';
import type { Inspector } from '../api/options.ts';
import type { ThreadId, ThreadShape } from '../api/definition.ts';
import type {
  AnsweredIn,
  ClientThread,
  Inbox,
  JoinOptions,
  LogChange,
  Published,
  PublishedAs,
  PublishOptions,
  VolatilePublishOptions,
} from '../client/api.ts';
import type { ConnectOptions } from '../client/options.ts';

/** A text, or an object with one, such as a `URL`. */
export type PoolUrl = string | { toString(): string };

/** How many connections a pool has. */
export interface PoolSize {
  /** At least so many, also without threads. @default 1 */
  min?: number | undefined;
  /** At most so many, 1 to 1024. @default the larger of `min` and 4 */
  max?: number | undefined;
}

/** Everything but the address has a default. Times are in milliseconds. */
export interface PoolOptions extends Pick<
  ConnectOptions,
  | 'token'
  | 'WebSocket'
  | 'connectTimeoutMs'
  | 'publishTimeoutMs'
  | 'maxBuffered'
  | 'maxMessageBytes'
  | 'inbox'
  | 'values'
  | 'clock'
  | 'random'
  | 'newId'
> {
  /** The hub: `ws:` or `wss:`. Either this or `urls`. */
  url?: PoolUrl | undefined;
  /** Several hubs with one log. Connections are spread over them in turn, and one that is replaced goes to the next. */
  urls?: readonly PoolUrl[] | undefined;
  /** How many connections: a number, or limits between which it follows the number of threads. @default 2 */
  size?: number | PoolSize | undefined;
  /** Threads for which one connection is enough: the pool grows and shrinks by it. @default 1000 */
  threadsPerConnection?: number | undefined;
  /** A connection that is not needed any more is closed after this time. @default 60000 */
  idleMs?: number | undefined;
  /** The waits before the attempts after a failure; the last one counts for all later ones. @default [1000, 2000, 4000] */
  retryDelaysMs?: readonly number[] | undefined;
  /** Consecutive failures after which a connection is `tripped`. @default 5 */
  breakerThreshold?: number | undefined;
  /**
   * How long a tripped connection waits before its one probe; a connection that was refused is replaced after it, too.
   * @default 30000; 2000 for a tripped connection of `relayLog`, as no other one has the log
   */
  cooldownMs?: number | undefined;
  /** A connection that was open for this time is good: its failures are forgotten, and its threads come back. @default 5000 */
  settleMs?: number | undefined;
  /** Maximum published messages that may wait for their answers. @default 16384 */
  maxQueued?: number | undefined;
  /** Maximum UTF-16 units of these messages together. @default 67108864 */
  maxQueuedBytes?: number | undefined;
  /** Observes the machines of the connections; an error that it throws becomes an `error` event. @default none */
  inspect?: Inspector | readonly Inspector[] | undefined;
  /** @default the tracer `threadcast` of the global OpenTelemetry API */
  tracer?: Tracer | undefined;
  /** Give each of several pools in one process its own meter. @default the meter `threadcast` of the global OpenTelemetry API */
  meter?: Meter | undefined;
}

/** The state of a connection of a pool; see docs/machines.md. */
export type PoolConnectionState = 'connecting' | 'open' | 'retrying' | 'tripped' | 'evicted';

/** A change of state of a connection. */
export interface PoolTransition {
  readonly machine: 'pool-connection';
  /** `pool-connection:1`, counted from 1. */
  readonly id: string;
  /** With the substate: `open.fresh`. */
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** One connection of a pool. */
export interface PoolConnection {
  readonly id: string;
  /** The place that it has in the pool, from 0: threads are spread over places. */
  readonly place: number;
  /** Without its query, which may hold a secret. */
  readonly url: string;
  readonly state: PoolConnectionState;
  /** The state with its substate: `tripped.coolingDown`. */
  readonly path: string;
  /** Consecutive failures. */
  readonly failures: number;
  readonly threads: number;
}

/** What a pool has and has done. */
export interface PoolStats {
  /** By state; one that is evicted is not counted. */
  readonly connections: Readonly<Record<Exclude<PoolConnectionState, 'evicted'>, number>>;
  readonly threads: number;
  /** Threads that wait for a connection. */
  readonly waiting: number;
  /** Published messages without an answer. */
  readonly queued: number;
  /** Times that a thread went from one connection to another. */
  readonly moves: number;
  /** Attempts that found no hub, and connections that were lost. */
  readonly failures: number;
  /** Connections that were replaced, or closed because they were not needed. */
  readonly evictions: number;
}

/** Events of a pool, each with what its listeners receive. */
export interface PoolEvents {
  transition: PoolTransition;
  /** `isLogUp` has changed. */
  log: LogChange;
  /**
   * An error that does not end the pool: ConnectionRefusedError (a hub refused a connection for good), ConnectionFailingError (a connection has
   * tripped), MalformedFrameError, ServerError, an error of
   * a listener or of `token`. Without a listener it is a process warning.
   */
  error: unknown;
}

/** How `pool.drain` ends. */
export interface DrainOptions {
  /** Published messages that have no answer after this time are rejected. @default 10000 */
  timeoutMs?: number | undefined;
}

/** Connections to one or more hubs, which share the threads that this process takes part in. */
export interface Pool {
  /** False while a hub that it is connected to reports that it cannot reach its log. */
  readonly isLogUp: boolean;
  readonly connections: readonly PoolConnection[];
  readonly stats: PoolStats;
  /**
   * Messages that hubs send to this pool without one of its threads: to one of its connections, `connection.send()`, and to the user of its
   * token, `hub.user(id).send()`. A message to the user arrives once, whatever the number of connections. Those to a connection end with it.
   */
  readonly inbox: Inbox;
  /**
   * Joins the thread over one of the connections, as `client.join` does: each call gives a handle of its own, and the last one leaves the thread. When that connection is lost, the thread goes on over another one from
   * its position, and each message arrives once and in order. Where that is impossible it has a `gap`.
   * @throws InvalidThreadIdError, InvalidOptionError, ClientClosedError
   */
  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: JoinOptions): ClientThread<T>;
  join(threadId: string, options?: JoinOptions): ClientThread;
  /**
   * Sends a message to the thread, which need not be joined, as `client.publish` does; a `Uint8Array` goes as bytes. A message without an
   * answer is sent again over another connection, with the same id. The hub's application has to pass the id on as idempotency key.
   *
   * Rejects with PublishRefusedError, PublishTimeoutError, InvalidThreadIdError, InvalidOptionError, UnserializableMessageError,
   * MessageTooLargeError, PublishQueueFullError, ClientClosedError.
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
  /**
   * Resolves as soon as a connection is open. Rejects with ConnectionRefusedError if a hub refuses a connection for good while none is open, and
   * with ClientClosedError when the pool is closed.
   */
  ready(): Promise<void>;
  on<E extends keyof PoolEvents>(event: E, listener: (news: PoolEvents[E]) => unknown): () => void;
  /** Takes no new joins and messages, waits for the answers to published messages, and closes. */
  drain(options?: DrainOptions): Promise<void>;
  /** Closes now: leaves all threads, and rejects messages without an answer. A second call has no effect. */
  close(): void;
}
