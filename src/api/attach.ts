import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import type { Refusal } from './refusal.ts';
import type { Connection, PublishAnswer, PublishedMessage } from './connection.ts';
import type { Format, MaybePromise } from './message.ts';

/** A server of `node:http` or `node:https`, or of `node:http2` with `allowHTTP1`. */
export type UpgradeServer = HttpServer | HttpsServer | Http2SecureServer;

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
  /**
   * Calls of `authenticate` that have not settled, at most; further clients get a 503. One whose time is up counts until it settles: let
   * it listen to its signal. @default 1000
   */
  maxPendingHandshakes?: number | undefined;
  /**
   * Whether the client may join a thread that it asks for itself, by a frame or by `?thread=` in its URL, also when it resumes. Not asked
   * about the library's own threads, which begin with `~`: a client can name none of them. @default refuses all: the application joins
   */
  authorize?(this: void, session: S, threadId: string): MaybePromise<boolean>;
  /**
   * Decides about what a client publishes in a thread that it has joined or that `authorize` would let it join; in others it is
   * refused unasked. Called for one message of a connection after the other in each thread, in their order:
   *
   * ```ts
   * onPublish: ({ userId }, { threadId, id, data }) => hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
   * ```
   *
   * Answer when the message is taken, and do what takes long, such as a model's answer, after that: the client's next requests
   * about this thread wait for it, apart from a stream's cancel, and after `answerTimeoutMs` of the hub it counts as failed.
   *
   * What it throws refuses the message with the error's code where it is one of this library's; other errors are an `error`
   * event of the hub, and `internal` for the client.
   * @default accepts what a `message` listener of the connection was given, refuses the rest
   */
  onPublish?(this: void, session: S, message: PublishedMessage, connection: Connection): MaybePromise<PublishAnswer>;
  /**
   * Pages that may connect: exact origins (`https://example.com`), a predicate, or `'*'` for all. Others get a 403; requests without
   * an `Origin`, which no browser sends, pass. Behind a proxy that changes `Host`, list the origins, or let the proxy say what the
   * browser has asked for: `proxy_set_header Host $http_host` for nginx (`$host` lacks the port), or `X-Forwarded-Host`.
   * @default pages of the server itself: the browser says so (`Sec-Fetch-Site`), or host and port are those of the request's `Host`,
   *   `X-Forwarded-Host` (and `X-Forwarded-Port`) or `Forwarded`
   */
  allowedOrigins?: readonly string[] | ((origin: string) => boolean) | '*' | undefined;
  /**
   * Largest frame that is read at all, at most 1 MiB or the hub's `maxInputBytes`, whichever is larger; above it, close code 1009. One
   * above `maxInputBytes` is refused. @default the larger of the two
   */
  maxPayload?: number | undefined;
  /**
   * The address that counts for `maxInputPerSecondPerAddress`. Behind a proxy, say which header your proxy sets, because clients can send
   * any other; `false`, or `undefined` as an answer, for no limit by address.
   *
   * ```ts
   * clientAddress: ({ headers }) => headers['cf-connecting-ip']?.toString(),
   * ```
   *
   * Of IPv6 the first 64 bits count. What it throws is an `error` event of the hub, and a 500.
   * @default the socket's; none where that is a private one or the request has a header of a proxy (`x-forwarded-for` and the like)
   */
  clientAddress?: ((request: IncomingMessage) => string | undefined) | false | undefined;
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
