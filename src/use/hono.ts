import type { IncomingMessage } from 'node:http';
import type { Http2Server } from 'node:http2';
import type { UpgradeServer } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { MaybePromise } from '../api/message.ts';
import type { Session } from '../api/session.ts';
import { httpHandler } from '../http/index.ts';
import { UnsupportedServerError } from '../infra/errors.ts';
import { Handshakes } from './handshakes.ts';
import { split, type ServeOptions } from './options.ts';

/** What is used of a context of Hono 4. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request };
}

/** What is used of an application of Hono 4. */
export interface HonoLike {
  fetch(request: Request, env: object): MaybePromise<Response>;
}

/** The hub in an application. */
export interface HonoHub<Context> {
  /**
   * The handler of the path, for `app.use('/chat', handler)` and `app.use('/chat/*', handler)`: after the middleware that the handshake needs,
   * such as sessions.
   */
  readonly handler: (this: void, context: Context, next: () => Promise<void>) => Promise<Response | void>;
  /**
   * Takes the WebSockets of the server that `serve` of `@hono/node-server` returns. Returns the function that ends this.
   * @throws InvalidOptionError, UnsupportedServerError; see `hub.attach`
   */
  attach(this: void, server: UpgradeServer | Http2Server): () => void;
}

/**
 * Serves a path of a Hono application on Node: WebSockets, and the HTTP door. A handshake passes the application's middleware, so
 * `authenticate` finds what that has put into the context.
 *
 * ```ts
 * const chat = serveHub(hub, app, { path: '/chat', authenticate: (c) => c.get('user'), authorize, onPublish });
 * app.use('/chat', chat.handler);
 * app.use('/chat/*', chat.handler);
 * chat.attach(serve({ fetch: app.fetch }));
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<
  Context extends HonoContextLike = HonoContextLike,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
>(hub: Hub<Definition>, app: HonoLike, options: ServeOptions<Context, S, Definition>): HonoHub<Context> {
  const { attach, door } = split<S, Definition>(options);
  const { authenticate } = options;
  const handshakes = new Handshakes<S>();
  const contexts = new WeakMap<object, Context>();
  const way =
    door &&
    httpHandler<S, Definition>(hub, {
      ...door,
      authenticate: ({ source }, signal) => {
        const known = source && contexts.get(source);
        return known && authenticate(known, signal);
      },
    });
  return {
    async handler(context, next) {
      const { raw } = context.req;
      if (handshakes.take(raw, (signal) => authenticate(context, signal))) return new Response(null, { status: 204 });
      if (way === undefined) return next();
      contexts.set(raw, context);
      return way.fetch(raw);
    },
    attach(server) {
      if (!hasUpgrades(server)) throw new UnsupportedServerError({ reason: 'HTTP/2 without TLS has no upgrades' });
      return hub.attach<S>(server, {
        ...attach,
        authenticate(incoming, signal) {
          const request = requestOf(incoming);
          return handshakes.ask(request, signal, async () => (await app.fetch(request, { incoming })).status);
        },
      });
    },
  };
}

const hasUpgrades = (server: UpgradeServer | Http2Server): server is UpgradeServer =>
  'closeIdleConnections' in server || 'setSecureContext' in server;

function requestOf({ url = '/', headers }: IncomingMessage): Request {
  const whole = `http://${headers.host ?? 'localhost'}${url}`;
  const list = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] satisfies [string, string]],
  );
  return new Request(URL.canParse(whole) ? whole : `http://localhost${url}`, { headers: list });
}
