import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** The start of a request line in absolute form, as some proxies send it: scheme and authority (RFC 9112 section 3.2.2). */
const ABSOLUTE = /^(?:http|ws)s?:\/\/([^/?#]*)/i;

/** The request's path, as it was sent, without the query. */
export function pathOf({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const path = originFormOf(url).split('?', 1)[0];
  return path === undefined || path === '' ? (ABSOLUTE.test(url) ? '/' : '') : path;
}

/** The request's query; never throws. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const target = originFormOf(url);
  const at = target.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : target.slice(at));
}

function originFormOf(url: string): string {
  const absolute = ABSOLUTE.exec(url);
  return absolute === null ? url : url.slice(absolute[0].length);
}

/**
 * Whether the page of this request's `Origin` is of the server that the browser has asked, default ports counted as browsers do. The
 * browser says so itself, or a name of the server does. A page can set none of these headers in a handshake, nor the request line: a proxy's
 * `X-Forwarded-Host` is as good as `Host`, and mends a `Host` that the proxy has rewritten.
 */
export function isOwnPage(request: IncomingMessage, origin: string): boolean {
  if (request.headers['sec-fetch-site'] === 'same-origin') return true;
  return hostsOf(request).some((host) => isSameHost(origin, host));
}

/** Names, with ports, by which the browser may have called the server. */
function hostsOf({ url = '', headers }: IncomingMessage): readonly string[] {
  // a target in absolute form counts instead of `Host`
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

/** Whether a page of this origin is of this host. Only pages of the web have a host that says where they are from. */
function isSameHost(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const target = `${page.protocol}//${host}`;
  return URL.canParse(target) && new URL(target).host === page.host;
}
