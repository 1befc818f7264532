import type { Refusal } from './refusal.ts';
import type { Listener } from './listener.ts';
import type { Format, MaybePromise, SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';

/** Whether bytes flow (`open`), wait for a peer that does not take them (`retrying`, `tripped`), or the socket has ended. */
export type ConnectionState = 'open' | 'retrying' | 'tripped' | 'evicted';

export interface AcceptOptions {
  /** Whose connection it is, for the application. @default none */
  userId?: string | undefined;
  /**
   * What the client calls itself on all its connections, `^[\w-]{22,64}$`: random, and a secret of this client. Where it has no `userId`,
   * what it publishes again after a reconnect counts as the same message by this name. `attach` takes it from the URL (`cid`). @default none
   */
  clientId?: string | undefined;
  /** Anything that the application wants to find again as `connection.data`. @default undefined */
  data?: unknown;
  /** `json`: the wire protocol. `plain`: the bare JSON of each message, nothing else. @default 'json' */
  format?: Format | undefined;
  /**
   * Largest frame that this client may send, in bytes, at most the hub's `maxInputBytes`. `hello` tells it, so give a WebSocket server's
   * smaller `maxPayload` here. @default the hub's maxInputBytes
   */
  maxInputBytes?: number | undefined;
  /** Whose `maxInputPerSecondPerAddress` this client shares: its address, as far as you know it. @default no limit by address */
  address?: string | undefined;
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
   * Give it to `send` as `idempotencyKey`, and to whatever else must not happen twice.
   *
   * It is `<scope>.<id>`: the client has chosen `id`, and the scope is a hash of the user's id, or else of the client's (`clientId`), or
   * else of the connection's. So no client can choose the id of another one's message, of one of yours, or of a token stream.
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
export type PublishAnswer =
  (Pick<Receipt, 'position'> & Partial<Pick<Receipt, 'id'>>) | Refusal | boolean | null | undefined | void;

export interface JoinOptions {
  /** A position to resume after, or `start` for all that the log holds. @default only what comes from now on */
  from?: string | undefined;
}

/** What a client said: `pub` of the wire protocol, in a thread that it has joined or may join, or any frame of a `plain` connection (a text, or bytes). */
export interface ClientMessage {
  readonly threadId: string | undefined;
  /** As in `PublishedMessage`. */
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

export interface LeaveOptions {
  /** What the client is told: `kicked`, `deleted`, or the application's own text of 1 to 123 bytes. @default 'kicked' */
  reason?: string | undefined;
}

/** One client's socket in the hub. */
export interface Connection {
  readonly id: string;
  readonly userId: string | undefined;
  /** What `accept` or `authenticate` was given to keep with it. */
  readonly data: unknown;
  readonly state: ConnectionState;
  /**
   * Ids of the threads it has joined, with the library's own (`~user:<id>`, `~connection:<id>`); of a connection that has ended, those that
   * it was in.
   */
  readonly threads: readonly string[];
  readonly stats: ConnectionStats;
  /** @throws InvalidThreadIdError, InvalidPositionError, ConnectionClosedError, ThreadClosedError */
  join(threadId: string, options?: JoinOptions): Promise<void>;
  /**
   * Takes the connection out of the thread, and tells its client: `threadcast/client` ends the thread with a `left` event and does not join
   * it again by itself. A new join of the client asks `authorize`. Leaving a thread that it is not in changes nothing.
   * @throws InvalidThreadIdError, InvalidOptionError
   */
  leave(threadId: string, options?: LeaveOptions): void;
  /** To this connection alone; `client.inbox` of `threadcast/client`. Errors are those of `Thread.send`. */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Leaves all threads at once. The message that has begun goes out to its end, then the close frame. Where the client takes nothing for
   * `sendTimeoutMs`, or is not done after 30 s, the line is cut and it sees 1006. Closing twice is once. @default code 1000
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
