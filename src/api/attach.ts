import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import type { Refusal } from './refusal.ts';
import type { AnswerIn, Connection, PublishAnswer, PublishedIn } from './connection.ts';
import type { ThreadDefinition } from './definition.ts';
import type { Format, MaybePromise } from './message.ts';
import type { Protocol } from './protocol.ts';
import type { Session } from './session.ts';
import type { ValueChangeIn } from './values.ts';

/** A server of `node:http` or `node:https`, or of `node:http2` with `allowHTTP1`. */
export type UpgradeServer = HttpServer | HttpsServer | Http2SecureServer;

/**
 * Everything has a default. Times are in milliseconds, sizes in bytes.
 * @typeParam S what `authenticate` finds out
 * @typeParam Definition those of the hub
 */
export interface AttachOptions<S extends Session = Session, Definition extends ThreadDefinition = never> {
  /** The exact path, without a query. @default '/' */
  path?: string | undefined;
  /**
   * Called before the 101. Return a session, `refuse(status, message)`, or `false`, `null` or nothing, which answers 401. An error that it
   * throws becomes an `error` event of the hub, and a 500. The signal is aborted when the client has gone or the time is up. @default
   * accepts every client, without a user id
   */
  authenticate?(
    this: void,
    request: IncomingMessage,
    context: { readonly signal: AbortSignal },
  ): MaybePromise<S | Refusal | false | null | undefined>;
  /**
   * Called with a fresh token of a client whose session ends soon, which the hub has asked for. Return the new session, which `authorize`,
   * `onPublish` and `connection.data` have from then on, or refuse as in `authenticate`: then the session ends when it would have. The new
   * session must be of the same user. The connection stays in its threads: take it out of those that it may not be in any more.
   *
   * ```ts
   * authenticate: ({ url }) => verify(new URL(url, 'http://localhost').searchParams.get('token')),
   * reauthenticate: (session, token) => verify(token), // both with expiresAt
   * ```
   *
   * After `answerTimeoutMs` of the hub, it counts as failed. @default the session ends without a renewal
   */
  reauthenticate?(this: void, session: S, token: string): MaybePromise<NoInfer<S> | Refusal | false | null | undefined>;
  /** How long `authenticate` may take before the client gets a 503. @default 10000 */
  authenticateTimeoutMs?: number | undefined;
  /**
   * Maximum calls of `authenticate` that have not settled; further clients get a 503. A call whose time is up counts until it settles, so
   * let it listen to its signal. @default 1000
   */
  maxPendingHandshakes?: number | undefined;
  /**
   * Whether the client may join a thread that it asks for itself, by a frame or by `?thread=` in its URL, also when it resumes. Not called
   * for the library's own threads, which begin with `~`: no client can name one. @default refuses all: only the application joins
   */
  authorize?(this: void, session: S, threadId: string): MaybePromise<boolean>;
  /**
   * Decides about a message that a client publishes in a thread that it has joined or that `authorize` would let it join. In other threads
   * the hub refuses without asking. The hub calls it for one message of a connection at a time in each thread, in order:
   *
   * ```ts
   * onPublish: ({ userId }, { threadId, id, data }) => hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
   * ```
   *
   * Return as soon as you have accepted the message; start long work, such as a model's answer, without awaiting it. The client's next
   * requests about this thread wait for the answer, apart from a stream's cancel. After `answerTimeoutMs` of the hub, it counts as failed.
   * A client that publishes again asks `onPublish` again, unless the hub remembers an `answer` or waits for one; see `answer`.
   *
   * In a thread that has a definition (`threads` of the hub), the message has passed its schema: the hub refuses others with `invalid`.
   *
   * An error of this library refuses the message with the error's code. Any other error becomes an `error` event of the hub, and `internal`
   * for the client.
   * @default accepts messages that a `message` listener of the connection received, refuses the rest
   */
  onPublish?(
    this: void,
    session: S,
    message: PublishedIn<Definition>,
    connection: Connection<S['data']>,
  ): MaybePromise<PublishAnswer<AnswerIn<Definition>>>;
  /**
   * Decides about a value that a client sets or removes (`thread.values`), in a thread that it has joined or that `authorize` would let it join.
   * In a thread that has a definition with values, the value has passed its schema. Only `true` allows it; `refuse(status, message)` and
   * `false` refuse it.
   *
   * ```ts
   * onValue: ({ userId }, { key }) => key === `cursor:${userId}`,
   * ```
   *
   * @default refuses all: only the application sets values
   */
  onValue?(
    this: void,
    session: S,
    change: ValueChangeIn<Definition>,
    connection: Connection<S['data']>,
  ): MaybePromise<boolean | Refusal>;
  /**
   * Pages that may connect: exact origins (`https://example.com`), a predicate, or `'*'` for all. Others get a 403. Requests without an
   * `Origin`, which no browser sends, pass. Behind a proxy that changes `Host`, list the origins, or let the proxy pass on what the browser
   * asked for: `proxy_set_header Host $http_host` for nginx (`$host` lacks the port), or `X-Forwarded-Host`.
   * @default pages of the server itself: the browser says so (`Sec-Fetch-Site`), or host and port are those of the request's `Host`,
   * `X-Forwarded-Host` (and `X-Forwarded-Port`) or `Forwarded`
   */
  allowedOrigins?: readonly string[] | ((origin: string) => boolean) | '*' | undefined;
  /**
   * Largest frame that the hub reads at all, at most 1 MiB or the hub's `maxInputBytes`, whichever is larger. A larger frame closes the
   * connection with 1009. A frame above `maxInputBytes` is refused. @default the larger of the two
   */
  maxPayload?: number | undefined;
  /**
   * The address that counts for `maxInputPerSecondPerAddress`. Behind a proxy or a CDN, read the header that it sets: clients can
   * send any other, and without this option a CDN's clients share the limit of its address. `false`, or `undefined` as an answer, means no limit by address.
   *
   * ```ts
   * clientAddress: ({ headers }) => headers['cf-connecting-ip']?.toString(),
   * ```
   *
   * For IPv6 the first 64 bits count. An error that it throws becomes an `error` event of the hub, and a 500.
   * @default the socket's address, whatever the headers say; none if it is a private one, as of a proxy in the same network
   */
  clientAddress?: ((request: IncomingMessage) => string | undefined) | false | undefined;
  /**
   * Maximum fragments of one message; more close the connection with 1008. Bun does not count them: there, the option is a
   * `TC_UNSUPPORTED_SERVER`. @default 1024
   */
  maxFragments?: number | undefined;
  /** The format of clients that ask for none. Offering the subprotocol `threadcast.v1.json` asks for `json`. @default 'json' */
  format?: Format | undefined;
  /**
   * Negotiates permessage-deflate, without context between messages: big messages are compressed once for all connections. Clients then
   * also compress what they send; the hub inflates it, up to `maxPayload`. @default false
   */
  compress?: boolean | undefined;
  /** Whether `?format=plain` in the URL is allowed; if not, the answer is 400. @default true */
  allowPlain?: boolean | undefined;
  /** Another protocol for the clients of this path, as `threadcast/ai` has one; `format` and `onPublish` count for nothing then. @default ours */
  protocol?: Protocol | undefined;
}
