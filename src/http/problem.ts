import { STATUS_CODES } from 'node:http';
import { ThreadcastError } from '../infra/errors.ts';

/** An answer that is no success, as problem details (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  /** A word of the table in docs/http.md: of the protocol's `err`, or `TC_…`. */
  readonly code: string;
  /** Members besides those of the RFC. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail = '',
    more: { facts?: Readonly<Record<string, unknown>>; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.facts = more.facts ?? {};
    this.headers = more.headers ?? {};
  }

  get body(): string {
    const { status, code, message, facts } = this;
    const detail = message === '' ? undefined : message;
    return JSON.stringify({
      type: `urn:threadcast:${code}`,
      title: STATUS_CODES[status],
      status,
      detail,
      code,
      ...facts,
    });
  }
}

/** Seconds in the `Retry-After` of a 429 or 503 (RFC 9110 section 10.2.3), as for a refused handshake. */
export const RETRY_AFTER_S = 5;

/** What is answered for a word of the protocol's `err`, or for an error of the library. Any other `TC_…` is 400. */
const STATUSES: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  unhandled: 403,
  invalid: 422,
  'too-complex': 413,
  'rate-limited': 429,
  internal: 500,
  unavailable: 503,
  TC_MESSAGE_TOO_LARGE: 413,
  TC_POSITION_LOST: 410,
  TC_HISTORY_FAILED: 502,
  TC_VALUE_LIMIT: 413,
  TC_LOG_UNSUPPORTED: 501,
  TC_ANSWER_TIMEOUT: 504,
  TC_ANSWER_TOO_LARGE: 500,
  TC_LOG_UNAVAILABLE: 503,
  TC_HUB_CLOSED: 503,
  TC_THREAD_CLOSED: 503,
  TC_TOO_MANY_THREADS: 503,
  TC_TOO_MANY_CONNECTIONS: 503,
  TC_SERIALIZER_QUEUE_FULL: 503,
};

/** The log does not go on from where the client stood. */
export const positionLost = (): Problem =>
  problemOf('TC_POSITION_LOST', 'the thread does not go on from there: begin anew, from its start or from now on');

export function problemOf(code: string, detail?: string, facts?: Readonly<Record<string, unknown>>): Problem {
  const status = STATUSES[code] ?? (code.startsWith('TC_') ? 400 : 500);
  return new Problem(status, code, detail, facts === undefined ? {} : { facts });
}

/** Of the close code with which the hub ends a connection that has not been answered yet. */
export function problemOfClose(code: number, reason: string): Problem {
  const [status, word] = CLOSES[code] ?? [503, 'unavailable'];
  return new Problem(status, word, reason);
}

const CLOSES: Readonly<Record<number, readonly [number, string]>> = {
  1009: [413, 'TC_MESSAGE_TOO_LARGE'],
  4400: [400, 'bad-request'],
  4401: [401, 'unauthenticated'],
  4403: [403, 'forbidden'],
  4409: [409, 'replaced'],
  4429: [429, 'rate-limited'],
};

/** A failure as it is answered: the application's own text stays on the server. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return error instanceof ThreadcastError ? problemOf(error.code, error.message) : problemOf('internal');
}
