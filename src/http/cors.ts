import type { HeaderList } from './exchange.ts';

/** Methods of the routes, and headers that a page may send. */
const METHODS = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';
const HEADERS =
  'authorization, cache-control, content-type, idempotency-key, if-none-match, last-event-id, traceparent';
const EXPOSED = 'etag, retry-after, stream-cursor, stream-next-offset, stream-up-to-date';

/** How long a browser need not ask again. */
const MAX_AGE_S = '600';

/**
 * The headers that let a page of this origin read the answer (Fetch standard, section 3.2). A page that is listed may send cookies. A wildcard
 * names no origin, so browsers then refuse requests with cookies.
 */
export function corsHeaders(origin: string | undefined, isForAll: boolean): HeaderList {
  if (isForAll) return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED };
  if (origin === undefined) return { vary: 'origin' };
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': EXPOSED,
    vary: 'origin',
  };
}

/** What the answer to a preflight says besides. */
export const PREFLIGHT: HeaderList = {
  'access-control-allow-methods': METHODS,
  'access-control-allow-headers': HEADERS,
  'access-control-max-age': MAX_AGE_S,
};
