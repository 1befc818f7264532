import type { Answer, AnswerReceipt } from './answer.ts';
import type { Refusal } from './refusal.ts';
import type { Listener } from './listener.ts';
import type { Format, MaybePromise, SendOptions } from './message.ts';
import type { ThreadDefinition, ThreadShape } from './definition.ts';
import type { Receipt } from './receipt.ts';
import type { Session } from './session.ts';
import type { ValueChangeIn } from './values.ts';

/** A connection's state with its substate. */
export type ConnectionPath =
  'open' | `retrying.${'backingOff' | 'attempting'}` | `tripped.${'coolingDown' | 'probing'}` | 'evicted';

/**
 * Whether bytes flow (`open`), wait for a client that does not accept them (`retrying`, `tripped`), or the socket has ended (`evicted`).
 */
export type ConnectionState = 'open' | 'retrying' | 'tripped' | 'evicted';

/**
 * What a client publishes, by the definitions of the hub: `pattern` tells which one it is. In a thread without a definition, `pattern` is
 * undefined, and the data unknown.
 */
export type PublishedIn<Definition extends ThreadDefinition> =
  | (PublishedMessage & { readonly pattern: undefined })
  | (Definition extends ThreadDefinition<infer T> ? PublishedMessage<T> : never);

/** Apart, as a method: one that knows some definitions is an option of every hub that has them. */
interface Publishing<Definition extends ThreadDefinition> {
  onPublish(
    this: void,
    message: PublishedIn<Definition>,
    connection: Connection,
  ): MaybePromise<PublishAnswer<AnswerIn<Definition>>>;
}

/** Likewise. */
interface Deciding<Definition extends ThreadDefinition> {
  onValue(this: void, change: ValueChangeIn<Definition>, connection: Connection): MaybePromise<boolean | Refusal>;
}

/** @typeParam Definition those of the hub */
export interface AcceptOptions<Definition extends ThreadDefinition = never> {
  /** The user whose connection it is, as the application knows it. @default none */
  userId?: string | undefined;
  /**
   * The client's own id on all its connections, `^[\w-]{22,64}$`: random, and a secret of this client. Without a `userId`, messages that
   * the client publishes again after a reconnect are recognized by it. `attach` takes it from the URL (`cid`). @default none
   */
  clientId?: string | undefined;
  /** Any data that the application wants to find as `connection.data`. @default undefined */
  data?: unknown;
  /** When the client's session ends; see `Session.expiresAt`. @default never */
  expiresAt?: number | undefined;
  /** Decides about a fresh token of the client; see `AttachOptions.reauthenticate`. @default the session ends without a renewal */
  reauthenticate?: ((token: string) => MaybePromise<Session | Refusal | false | null | undefined>) | undefined;
  /** `json`: the wire protocol. `plain`: the bare JSON of each message, nothing else. @default 'json' */
  format?: Format | undefined;
  /**
   * The client reads messages of bytes as binary messages of the wire protocol. Other clients get them as base64. `attach` takes it from the URL, as
   * `threadcast/client` says it there (`bytes=1`). Without effect on `plain` connections, which get the bare bytes. @default false
   */
  takesBytes?: boolean | undefined;
  /**
   * Largest frame that this client may send, in bytes, at most the hub's `maxInputBytes`. `hello` states it to the client, so set it to a
   * smaller `maxPayload` of your WebSocket server. @default the hub's maxInputBytes
   */
  maxInputBytes?: number | undefined;
  /** The client's address, which shares `maxInputPerSecondPerAddress`. @default no limit by address */
  address?: string | undefined;
  /** Whether the client may join a thread that it asks for itself. @default refuses all: only the application joins */
  authorize?: ((threadId: string) => boolean | Promise<boolean>) | undefined;
  /** Decides about the client's messages and how they are answered; see `AttachOptions.onPublish`. @default see there */
  onPublish?: Publishing<Definition>['onPublish'] | undefined;
  /** Decides about values that the client sets or removes; see `AttachOptions.onValue`. @default refuses all */
  onValue?: Deciding<Definition>['onValue'] | undefined;
}

/** A message that a client publishes in a thread that it has joined, or may join. */
export interface PublishedMessage<T extends ThreadShape = ThreadShape> {
  readonly threadId: T['id'];
  /** The pattern of the thread's definition; undefined without one. */
  readonly pattern: T['pattern'];
  /**
   * The message's idempotency key, `^[\w.:-]{1,128}$`. A client that has not received the answer publishes again with the same key. Pass it
   * to `send` as `idempotencyKey`, and to any other work that must not happen twice.
   *
   * It is `<scope>.<id>`. The client has chosen `id`. The scope is a hash of the user's id, or else of the client's (`clientId`), or else
   * of the connection's. So no client can choose the id of another client's message, of yours, or of a token stream.
   */
  readonly id: string;
  /** The output of the definition's schema. Without a definition, the data as the client sent it: check it before you use it. */
  readonly data: T['published'];
  /** The client's `traceparent`, if it sent one: for `send(message, { traceLink })`. */
  readonly trace: string | undefined;
}

/**
 * How the hub answers the client. A receipt of `send`: accepted, with the message's position. `answer(data, receipt?)`: accepted, with data
 * for the client. Nothing, or `true`: accepted. `false`, or
 * `refuse(status, message)`: refused.
 */
export type PublishAnswer<Data = unknown> = AnswerReceipt | Answer<Data> | Refusal | boolean | null | undefined | void;

/** The data that `onPublish` may answer with: those of the hub's definitions, if each of them has an `answer`. */
export type AnswerIn<Definition extends ThreadDefinition> = [Definition] extends [never]
  ? unknown
  : Definition extends ThreadDefinition<infer T>
    ? T['answer']
    : never;

export interface JoinOptions {
  /** A position to resume after, or `start` for everything that the log holds. @default only new messages */
  from?: string | undefined;
}

/**
 * A client's message: `pub` of the wire protocol, in a thread that it has joined or may join, or any frame of a `plain` connection (a text,
 * or bytes).
 */
export interface ClientMessage {
  readonly threadId: string | undefined;
  /** As in `PublishedMessage`. */
  readonly id: string | undefined;
  /** As in `PublishedMessage`. */
  readonly data: unknown;
  /** The client's `traceparent`, if it sent one: for `send(message, { traceLink })`. */
  readonly trace: string | undefined;
}

export interface ConnectionEvents {
  message: ClientMessage;
  state: { readonly from: ConnectionPath; readonly to: ConnectionPath };
  evicted: { readonly code: number; readonly reason: string };
}

export interface ConnectionStats {
  readonly path: ConnectionPath;
  /** Time since it was accepted. */
  readonly ageMs: number;
  /** Messages that it has not received yet, in all its threads, including expired and superseded ones. */
  readonly lag: number;
  /** How long the last ping barrier took to be answered; undefined before the first answer. */
  readonly roundTripMs: number | undefined;
  /** How long ago that answer came; undefined as long as `roundTripMs` is. */
  readonly roundTripAgeMs: number | undefined;
  /** Messages and bytes handed to the socket. */
  readonly messages: number;
  readonly bytes: number;
  /** Bytes of these that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** Number of threads in which it has to catch up. */
  readonly behind: number;
  readonly attempt: number;
  readonly failures: number;
  readonly trips: number;
}

export interface LeaveOptions {
  /** The reason for the client: `kicked`, `deleted`, or the application's own text of 1 to 123 bytes. @default 'kicked' */
  reason?: string | undefined;
}

/** One client's connection to the hub. */
export interface Connection<Data = unknown> {
  readonly id: string;
  readonly userId: string | undefined;
  /** The data given to `accept`, or returned by `authenticate`, or by the last `reauthenticate` that accepted a token. */
  readonly data: Data;
  readonly state: ConnectionState;
  /**
   * Ids of the threads it has joined, including the library's own (`~user:<id>`, `~connection:<id>`). After its end, the threads that it
   * was in.
   */
  readonly threads: readonly string[];
  readonly stats: ConnectionStats;
  /** @throws InvalidThreadIdError, InvalidPositionError, ConnectionClosedError, ThreadClosedError */
  join(threadId: string, options?: JoinOptions): Promise<void>;
  /**
   * Removes the connection from the thread and notifies its client. `threadcast/client` then ends the thread with a `left` event and does
   * not rejoin by itself. A new join of the client asks `authorize`. Leaving a thread that it is not in changes nothing.
   * @throws InvalidThreadIdError, InvalidOptionError
   */
  leave(threadId: string, options?: LeaveOptions): void;
  /** Sends to this connection alone; `client.inbox` of `threadcast/client` receives it. Errors are those of `Thread.send`. */
  send(message: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Leaves all threads at once. The hub finishes the message in progress, then sends the close frame. If the client accepts nothing for
   * `sendTimeoutMs`, or is not done after 30 s, the hub cuts the line and the client sees 1006. A second call has no effect. @default code
   * 1000
   * @throws InvalidOptionError if a close frame may not carry the code, or the reason has more than 123 bytes
   */
  close(code?: number, reason?: string): void;
  /** For an operator: opens the breaker now. As usual, one probe decides after the cooldown. No effect if it is already open. */
  trip(): void;
  /** For an operator: forgets failures and lets bytes flow again. No effect on a connection that is `open` or `evicted`. */
  reset(): void;
  /** Adds a listener and returns the function that removes it. An error that a listener throws becomes an `error` event of the hub. */
  on<E extends keyof ConnectionEvents>(event: E, listener: Listener<ConnectionEvents[E]>): () => void;
}
