import type { AttachOptions } from '../api/attach.ts';
import type { AnswerIn, Connection, PublishAnswer, PublishedIn } from '../api/connection.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { MaybePromise } from '../api/message.ts';
import type { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import type { ValueChangeIn } from '../api/values.ts';
import { checkOrigins, checkPath } from '../actors/gateway/resolve-attach-options.ts';
import { checkCount, checkFunction, checkNumber, TIMER_RANGE } from '../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import type { HttpRequest } from './exchange.ts';

/** What `authenticate` finds out about a request. */
export interface HttpSession extends Session {
  /**
   * Patterns of the only threads that this session may read and publish in: `room:42`, or `room:*` for all that begin with `room:`. Without
   * `authorize`, it may; with it, both have to allow it. @default `authorize` alone decides
   */
  threads?: readonly string[] | undefined;
}

/** Everything has a default. Times are in milliseconds, sizes in bytes. */
export interface HttpHandlerOptions<S extends HttpSession = HttpSession, Definition extends ThreadDefinition = never> {
  /** The routes are below it: `/chat` has `/chat/<thread>/events`. @default '/' */
  path?: string | undefined;
  /**
   * Called for each request. As `AttachOptions.authenticate`, so that one function can serve both: the request has `method`, `url` and
   * `headers`, and is the server's own object, or for `fetch` has the `Request` as `source`. @default accepts every client, without a user id
   */
  authenticate?(
    this: void,
    request: HttpRequest,
    context: { readonly signal: AbortSignal },
  ): MaybePromise<S | Refusal | false | null | undefined>;
  /** As `AttachOptions.reauthenticate`, for clients of `threadcast/client`. @default the session ends without a renewal */
  reauthenticate?(this: void, session: S, token: string): MaybePromise<NoInfer<S> | Refusal | false | null | undefined>;
  /** How long `authenticate` may take before the client gets a 503. @default 10000 */
  authenticateTimeoutMs?: number | undefined;
  /** How long the body of a request may take. Then the client gets a 408. @default 10000 */
  bodyTimeoutMs?: number | undefined;
  /** Maximum requests that are being answered, without event streams and polls. More get a 503. @default 1000 */
  maxPendingRequests?: number | undefined;
  /** Whether the client may read a thread, and publish there. As `AttachOptions.authorize`. @default refuses all */
  authorize?(this: void, session: S, threadId: string): MaybePromise<boolean>;
  /**
   * Decides about a message that a client publishes. As `AttachOptions.onPublish`. A message that was posted by itself has no connection:
   * the third argument then is one that has ended, with the session's `userId` and `data`. @default refuses all
   */
  onPublish?(
    this: void,
    session: S,
    message: PublishedIn<Definition>,
    connection: Connection<S['data']>,
  ): MaybePromise<PublishAnswer<AnswerIn<Definition>>>;
  /**
   * Decides about a value that a client sets or removes. As `AttachOptions.onValue`. Without `?sid=`, the third argument is a connection that has
   * ended, as for `onPublish`. @default refuses all
   */
  onValue?(
    this: void,
    session: S,
    change: ValueChangeIn<Definition>,
    connection: Connection<S['data']>,
  ): MaybePromise<boolean | Refusal>;
  /**
   * Pages that may ask. As `AttachOptions.allowedOrigins`; listed pages may send cookies. With `'*'` the pages of all sites may ask, without
   * cookies. @default pages of the server itself
   */
  allowedOrigins?: AttachOptions['allowedOrigins'];
  /** Largest body of a request, at most the hub's `maxInputBytes`. @default the hub's maxInputBytes */
  maxBodyBytes?: number | undefined;
  /**
   * The address that counts for `maxInputPerSecondPerAddress`. As `AttachOptions.clientAddress`. @default the socket's address; none if it
   * is a private one, and for `fetch`
   */
  clientAddress?: ((request: HttpRequest) => string | undefined) | false | undefined;
}

/** The options of any application. */
export type AnyHttpOptions = HttpHandlerOptions<HttpSession, ThreadDefinition>;

/** With every default filled in. */
export interface HttpSettings {
  readonly path: string;
  readonly authenticate: NonNullable<AnyHttpOptions['authenticate']>;
  readonly reauthenticate: AnyHttpOptions['reauthenticate'] | undefined;
  readonly authenticateTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxPendingRequests: number;
  readonly authorize: AnyHttpOptions['authorize'] | undefined;
  readonly onPublish: AnyHttpOptions['onPublish'] | undefined;
  readonly onValue: AnyHttpOptions['onValue'] | undefined;
  readonly allowedOrigins: AttachOptions['allowedOrigins'];
  readonly maxBodyBytes: number;
  /** Undefined for the socket's. */
  readonly clientAddress: ((request: HttpRequest) => string | undefined) | undefined;
}

const OPTIONS: OptionTable<AnyHttpOptions> = {
  path: 'text',
  authenticate: 'function',
  reauthenticate: 'function',
  authenticateTimeoutMs: 'number',
  bodyTimeoutMs: 'number',
  maxPendingRequests: 'number',
  authorize: 'function',
  onPublish: 'function',
  onValue: 'function',
  allowedOrigins: 'any',
  maxBodyBytes: 'number',
  clientAddress: 'any',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveHttp(options: AnyHttpOptions, maxInputBytes: number): HttpSettings {
  checkOptions<AnyHttpOptions>(options, OPTIONS);
  const { clientAddress } = options;
  return {
    path: checkPath(options.path ?? '/').replace(/\/$/, ''),
    authenticate: options.authenticate ?? (() => ({})),
    reauthenticate: options.reauthenticate,
    authenticateTimeoutMs: checkNumber('authenticateTimeoutMs', options.authenticateTimeoutMs, 10_000, TIMER_RANGE),
    bodyTimeoutMs: checkNumber('bodyTimeoutMs', options.bodyTimeoutMs, 10_000, TIMER_RANGE),
    maxPendingRequests: checkCount('maxPendingRequests', options.maxPendingRequests, 1_000, { min: 1 }),
    authorize: options.authorize,
    onPublish: options.onPublish,
    onValue: options.onValue,
    allowedOrigins: checkOrigins(options.allowedOrigins).allowedOrigins,
    maxBodyBytes: checkCount('maxBodyBytes', options.maxBodyBytes, maxInputBytes, { min: 1, max: maxInputBytes }),
    clientAddress: clientAddress === false ? () => undefined : checkFunction('clientAddress', clientAddress),
  };
}
