import { checkOptions } from './check-options.ts';
import { isText } from './fields.ts';
import { systemClock, type ClientClock } from './clock.ts';
import { InvalidOptionError, InvalidThreadIdError } from './errors.ts';
import { environment } from './environment.ts';
import { SUBPROTOCOL, type OpenSocket, type Transport, type WebSocketConstructor } from './socket.ts';
import { isLonger } from './utf8.ts';
import type { Backoff } from './backoff.ts';
import type { FedValues, ValuesHost } from './values-api.ts';

/** @param why the WebSocket constructor's error, or the value given instead */
export function invalidUrl(why: unknown): InvalidOptionError {
  return new InvalidOptionError({ option: 'url', expected: `a ws: or wss: URL: ${String(why)}` });
}

/**
 * Proves the client's identity. The client calls a function for each attempt, and when the server asks for a fresh token before the session
 * ends. After a 4401 the client calls it once more, then it stops with a `signIn` event.
 */
export type Token = string | (() => string | Promise<string>);

/** Everything has a default. Times are in milliseconds. */
export interface ConnectOptions {
  /**
   * Sent as the query parameter `token`: browsers cannot set headers on a WebSocket. URLs end up in access logs, so prefer
   * short-lived tokens. @default none
   */
  token?: Token | undefined;
  /** Makes the sockets, the one of the `ws` package for example. @default the global `WebSocket` */
  WebSocket?: WebSocketConstructor | undefined;
  /** Other ways to the server, where a WebSocket does not pass: `[sse()]` of `threadcast/client/sse`. @default none */
  transports?: readonly Transport[] | undefined;
  /** The waits between attempts. @default { minMs: 500, maxMs: 20000 } */
  backoff?: Partial<Backoff> | undefined;
  /** The client gives up an attempt without a `hello` of the server after this time. @default 10000 */
  connectTimeoutMs?: number | undefined;
  /** A published message without an answer after this time is rejected with `TC_PUBLISH_TIMEOUT`, and not sent again. @default 60000 */
  publishTimeoutMs?: number | undefined;
  /** Maximum published messages that may wait for their answers, above all while disconnected. @default 1024 */
  maxQueued?: number | undefined;
  /** Messages that a thread may hold for a reader, at least 2; see `ClientThread`. @default 1024 */
  maxBuffered?: number | undefined;
  /**
   * Largest message that is assembled from parts, and longest text of a token stream, in UTF-16 units. A longer message is a `gap`; the
   * text of a longer stream comes with its final message. @default 134217728
   */
  maxMessageBytes?: number | undefined;
  /**
   * Where the inbox continues, as `client.inbox.position` of an earlier page: messages sent to the user since then arrive. `start` is
   * everything that the log holds. @default only new messages
   */
  inbox?: { from?: string | undefined } | undefined;
  /** Keyed values in each thread: `values` of `threadcast/values`. @default none */
  values?: ((host: ValuesHost, threadId: string) => FedValues) | undefined;
  /** The clock. @default the monotonic clock */
  clock?: ClientClock | undefined;
  /** Uniform in [0, 1), for the jitter. @default Math.random */
  random?: (() => number) | undefined;
  /** Makes idempotency keys, of `[\w.:-]`. @default 128 random bits, from `Math.random` if there is no `crypto` */
  newId?: (() => string) | undefined;
}

/** The options with every default filled in. */
export interface ClientSettings {
  readonly url: string;
  readonly token: Token | undefined;
  readonly open: OpenSocket;
  readonly backoff: Backoff;
  readonly connectTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly maxQueued: number;
  readonly maxBuffered: number;
  readonly maxMessageBytes: number;
  readonly inbox: { readonly from?: string | undefined };
  readonly values?: ConnectOptions['values'];
  readonly clock: ClientClock;
  readonly random: () => number;
  readonly newId: () => string;
  /** The client's own id on all its connections: the scope of its idempotency keys if it has no user. */
  readonly cid: string;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveOptions(url: string | { toString(): string }, options: ConnectOptions): ClientSettings {
  const {
    clock = systemClock,
    WebSocket = environment.WebSocket,
    transports = [],
    backoff = {},
    inbox = {},
    ...given
  } = checkOptions<ConnectOptions>(options, {
    token: 'string|function',
    WebSocket: 'function',
    transports: 'object',
    backoff: 'object',
    connectTimeoutMs: 1,
    publishTimeoutMs: 1,
    maxQueued: 1,
    maxBuffered: 2,
    maxMessageBytes: 1,
    inbox: 'object',
    values: 'function',
    clock: 'object',
    random: 'function',
    newId: 'function',
  });
  const { minMs = 500, maxMs = Math.max(20_000, minMs) } = backoff;
  checkOptions<Partial<Backoff>>(backoff, { minMs: 1, maxMs: minMs });
  checkOptions<typeof inbox>(inbox, { from: 'string' });
  if (!WebSocket) throw new InvalidOptionError({ option: 'WebSocket', expected: 'function' });
  return {
    token: undefined,
    connectTimeoutMs: 10_000,
    publishTimeoutMs: 60_000,
    maxQueued: 1_024,
    maxBuffered: 1_024,
    maxMessageBytes: 128 * 1_048_576,
    clock,
    random: Math.random,
    newId: randomId,
    ...given,
    url: checkUrl(url),
    open: transports.reduce<OpenSocket>(
      (open, transport) => transport(open, clock),
      (to) => new WebSocket(to, SUBPROTOCOL),
    ),
    backoff: { minMs, maxMs },
    inbox,
    // 22 characters at least
    cid: randomId().padEnd(22, '-'),
  };
}

/** Current browsers accept `http:` for `ws:`, and a path for the page's own server. */
function checkUrl(url: string | { toString(): string }): string {
  const text = String(url);
  if (/^((ws|http)s?:|[/.?])/i.test(text)) return text;
  throw invalidUrl(text);
}

/** The format of an idempotency key. */
const MESSAGE_ID = /^[\w.:-]{1,128}$/;

/** @throws InvalidThreadIdError */
export function checkThreadId(id: unknown): void {
  // not every React Native knows property escapes
  // oxlint-disable-next-line no-control-regex
  const isRight = isText(id) && /^(?!~)[^\0-\x1f\x7f-\x9f\ud800-\udfff]{1,256}$/u.test(id);
  if (!isRight || isLonger(id, 256)) throw new InvalidThreadIdError({ threadId: id });
}

/** @throws InvalidOptionError unless it is a message id, `^[\w.:-]{1,128}$` */
export function checkId(option: string, value: unknown): string {
  if (isText(value) && MESSAGE_ID.test(value)) return value;
  throw new InvalidOptionError({ option, expected: `${MESSAGE_ID}` });
}

/**
 * `crypto.randomUUID` is missing in pages that are not served over https, and all of `crypto` in React Native. There, `Math.random` is
 * random enough to avoid collisions.
 */
export function randomId(): string {
  const words = new Uint32Array(4).map(() => Math.random() * 2 ** 32);
  return Array.from(environment.crypto?.getRandomValues?.(words) ?? words, (word) => word.toString(36)).join('-');
}
