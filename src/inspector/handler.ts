import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hub } from '../api/hub.ts';
import { asError, InvalidOptionError } from '../infra/errors.ts';
import { checkMethods } from '../infra/option-checks.ts';
import { assertPlace, assertToken } from './access.ts';
import { assetOf } from './assets.ts';
import { resolveInspector, type InspectorHandlerOptions, type InspectorSettings } from './options.ts';
import type { RefusalBody } from './protocol.ts';
import { pathOf } from '../infra/socket/request-target.ts';
import { InspectorRefusal } from './refusal.ts';
import { bodyOf, parseAct, parseLook } from './requests.ts';
import { Watch } from './watch.ts';

/** Maximum requests that are answered at the same time: some are slow to send their body. */
const MAX_IN_FLIGHT = 64;

/** Nothing from other hosts, no inline script, and not in a frame. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Answers requests for the inspector. */
export interface InspectorHandler {
  /**
   * For `http.createServer`, its `request` event, or a framework's middleware, mounted under a path or not: `path` is the whole path, or
   * the part after the mount.
   * @returns whether the request is the inspector's; if not, `next` is called if there is one
   */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): boolean;
  /**
   * The address of the page: the path, and without a `token` also the generated key, `/inspector/#token=...`. Show it only to the operator
   * of the process.
   */
  readonly location: string;
  /** Stops watching; requests get a 503. */
  close(): void;
}

/**
 * The inspector for an existing server:
 *
 * ```ts
 * const inspect = inspectorHandler(hub, { path: '/inspector/' });
 * createServer((request, response) => inspect(request, response) || app(request, response));
 * ```
 *
 * While no page is open it costs nothing.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function inspectorHandler(hub: Hub, options: InspectorHandlerOptions = {}): InspectorHandler {
  if (checkMethods<Hub | undefined>('hub', hub, ['on', 'stats']) === undefined) {
    throw new InvalidOptionError({ option: 'hub', value: hub, expected: 'a hub' });
  }
  const settings = resolveInspector(options);
  const watch = new Watch(hub, settings);
  let inFlight = 0;

  const answer = async (name: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      if (++inFlight > MAX_IN_FLIGHT) throw new InspectorRefusal(503, 'BUSY', undefined, 1);
      assertPlace(request, settings);
      await route(name, request, response, settings, watch);
    } catch (error) {
      refuse(response, error);
    } finally {
      inFlight--;
    }
  };

  const handle = (request: IncomingMessage, response: ServerResponse, next?: () => void): boolean => {
    const { path, roots } = routeOf(request, settings.path);
    const root = roots.find((each) => path.startsWith(each) || `${path}/` === each);
    if (root === undefined) {
      next?.();
      return false;
    }
    // a failing response has no other error listener
    response.on('error', () => {});
    if (path.startsWith(root)) void answer(path.slice(root.length), request, response);
    else redirect(response, root);
    return true;
  };
  const location = settings.isLocal ? `${settings.path}#token=${settings.token}` : settings.path;
  if (settings.isLocal && process.env['NODE_ENV'] === 'development') {
    const text = `the inspector has no token: open it on this machine, with its key, at ${location}`;
    process.emitWarning(text, { type: 'ThreadcastWarning', code: 'TC_INSPECTOR_KEY' });
  }
  return Object.assign(handle, { location, close: () => watch.close() });
}

/**
 * The path as the browser knows it, and where the inspector may be. Frameworks remove the mount from `url` (`app.use('/admin', handler)` of
 * Express) and keep the whole path in `originalUrl`.
 */
function routeOf(request: IncomingMessage, path: string): { readonly path: string; readonly roots: readonly string[] } {
  const original: unknown = Reflect.get(request, 'originalUrl');
  const own = pathOf(request);
  const whole = typeof original === 'string' ? pathOf({ url: original }) : own;
  // of a request for the mount itself, the slash is the framework's
  const mount = whole.endsWith(own) ? whole.slice(0, whole.length - own.length) : own === '/' ? whole : '';
  return { path: whole, roots: mount === '' ? [path] : [`${mount}${path}`, path] };
}

async function route(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  settings: InspectorSettings,
  watch: Watch,
): Promise<void> {
  if (name === 'api/look' || name === 'api/act') {
    assertToken(request, settings);
    const body = await bodyOf(request);
    if (name === 'api/look') return sendJson(response, 200, await watch.look(parseLook(body)));
    watch.act(parseAct(body));
    return sendJson(response, 200, {});
  }
  const asset = await assetOf(name === '' ? 'index.html' : name);
  if (asset === undefined) throw new InspectorRefusal(404, 'NOT_FOUND');
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new InspectorRefusal(405, 'METHOD');
  send(response, 200, asset.type, asset.bytes);
}

/** An unexpected error is a 500, and a process warning: no caller can catch it. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return;
  if (!(error instanceof InspectorRefusal)) {
    process.emitWarning(asError(error));
    return refuse(response, new InspectorRefusal(500, 'INTERNAL'));
  }
  const { status, code, message, retryAfterS } = error;
  if (retryAfterS !== undefined) response.setHeader('retry-after', retryAfterS);
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  // the rest of an unread body is not worth waiting for
  response.setHeader('connection', 'close');
  const body: RefusalBody = { error: code, message };
  sendJson(response, status, body);
}

function redirect(response: ServerResponse, path: string): void {
  response.writeHead(308, { location: path }).end();
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', Buffer.from(JSON.stringify(body)));
}

function send(response: ServerResponse, status: number, type: string, bytes: Buffer): void {
  // a client that has gone meanwhile
  if (response.destroyed) return;
  response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}
