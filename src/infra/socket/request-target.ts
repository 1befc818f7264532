import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** The start of a request line in absolute form, as some proxies send it: scheme and authority (RFC 9112 section 3.2.2). */
const ABSOLUTE = /^(?:http|ws)s?:\/\/([^/?#]*)/i;

/** The request's path, as it was sent, without the query. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const path = originFormOf(url).split('?', 1)[0];
  return path === undefined || path === '' ? (ABSOLUTE.test(url) ? '/' : '') : path;
}

/** The request's query; never throws. */
export function queryOf({ url = '' }: Pick<IncomingMessage, 'url'>): URLSearchParams {
  const target = originFormOf(url);
  const at = target.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : target.slice(at));
}

function originFormOf(url: string): string {
  const absolute = ABSOLUTE.exec(url);
  return absolute === null ? url : url.slice(absolute[0].length);
}

/**
 * Whether the page behind this request's `Origin` belongs to the server that the browser asked, with default ports as browsers count them.
 * The browser itself says so, or a name of the server matches. A page can set neither these headers nor the request line. So a proxy's
 * `X-Forwarded-Host` is as trustworthy as `Host`, and corrects a `Host` that the proxy has rewritten.
 */
export function isOwnPage(request: Pick<IncomingMessage, 'headers' | 'url'>, origin: string): boolean {
  if (request.headers['sec-fetch-site'] === 'same-origin') return true;
  return hostsOf(request).some((host) => isSameHost(origin, host));
}

/** Names, with ports, by which the browser may have called the server. */
function hostsOf({ url = '', headers }: Pick<IncomingMessage, 'headers' | 'url'>): readonly string[] {
  // a target in absolute form takes precedence over `Host`
  const host = ABSOLUTE.exec(url)?.[1] ?? headers.host;
  const names = [host, ...wordsOf(headers, 'x-forwarded-host'), ...forwardedHosts(headers)].filter(
    (name) => name !== undefined,
  );
  // nginx's `$host` has no port
  const [port] = wordsOf(headers, 'x-forwarded-port');
  const withPort = port === undefined ? [] : names.map((name) => `${name}:${port}`);
  return [...names, ...withPort];
}

function wordsOf(headers: IncomingHttpHeaders, name: string): readonly string[] {
  return [headers[name] ?? []].flat().flatMap((line) => line.split(',').map((word) => word.trim()));
}

/** RFC 7239 section 5.3. */
function forwardedHosts(headers: IncomingHttpHeaders): readonly string[] {
  const found = (headers.forwarded ?? '').matchAll(/(?:^|[;,])\s*host=(?:"([^"]*)"|([^\s;,"]+))/gi);
  return [...found].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Whether a page of this origin is from this host. Only web pages have a host in their origin. */
function isSameHost(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const target = `${page.protocol}//${host}`;
  return URL.canParse(target) && new URL(target).host === page.host;
}
