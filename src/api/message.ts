import type { Context as SpanParent } from '@opentelemetry/api';

export type MaybePromise<T> = T | Promise<T>;

/**
 * How urgent a message is. `critical` overtakes other messages for connections that are behind. `normal` is the default. `volatile` is not
 * logged: it is offered now, or dropped and counted.
 */
export type Lane = 'critical' | 'normal' | 'volatile';

/** The format of a connection: `json` is the wire protocol, `plain` the bare message JSON. */
export type Format = 'json' | 'plain';

/** A message that `preencoded` or `inWorker` has made. What is in it is not checked, so threads of all types take it. */
export interface PreparedMessage {
  readonly '~prepared': true;
}

/** What `send` takes for a message of this type. */
export type Sendable<Message> = Message | PreparedMessage;

/** A client of the application's database with a transaction in progress, such as that of the package `pg`. */
export interface Transaction {
  query(text: string, values?: unknown[]): PromiseLike<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** How a message is sent that commits with a transaction. */
export interface TransactionOptions extends SendOptions {
  /**
   * The message is inserted with this client, and is delivered after the commit, or never. Not with `replaces`, `audience` and the lane `volatile`. The log has
   * to be one that can: `postgresLog`, in the same database.
   */
  transaction: Transaction;
}

/** How one message is sent. */
export interface SendOptions {
  /** @default 'normal' */
  lane?: Lane | undefined;
  /** Conflation key: a connection that is behind gets only the newest message with the same key. @default none */
  conflate?: string | undefined;
  /**
   * Id of a message of the thread that this one replaces: it takes that one's place for all who read it later, and clients that have it are
   * told (`replaced`). The bytes of the former version are erased. Not with `conflate`, `expiresInMs` or the lane `volatile`. @default none
   */
  replaces?: string | undefined;
  /**
   * Who does not get the message: a connection by its id, or all connections of a user. They skip it live, when they resume, and on all
   * nodes; no receipt counts them; `history` has it. A connection with a `clientId`, as `threadcast/client` sends it, stands for its client,
   * also after a reconnect, if it is or recently was a connection of this process. Edits of the message are not for them either. @default none
   */
  except?: string | { readonly userId: string } | undefined;
  /**
   * Ids of the users whom the message is meant for, whether they are in the thread or not. When it has been logged and offered, the hub emits
   * `undelivered` for each of them who has no connection in the thread, in any process: send a push notification. Users of `except` are left out. Not for the
   * library's own threads. @default none
   */
  audience?: readonly string[] | undefined;
  /** After this time the message is not delivered any more to connections that are behind. @default never */
  expiresInMs?: number | undefined;
  /** Id of the message, `^[\w.:-]{1,128}$`. A second send with the same id returns the position of the first. @default random */
  idempotencyKey?: string | undefined;
  /**
   * Serializes a big message as it is at the call, in one go: that may block the event loop for 10 ms for each megabyte. Without it, do not
   * change the message until `send` resolves. @default false
   */
  snapshot?: boolean | undefined;
  /** Parent of the publish span. @default the active context */
  traceContext?: SpanParent | undefined;
  /**
   * A W3C `traceparent` of the message's cause, as `onPublish` and `message` listeners receive it. It becomes a link of the publish span,
   * never its parent, so that a client cannot decide what is sampled. An invalid one is ignored. @default none
   */
  traceLink?: string | undefined;
}
