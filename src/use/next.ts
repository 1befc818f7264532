import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UpgradeServer } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { Session } from '../api/session.ts';
import { httpHandler } from '../http/index.ts';
import { pathOf } from '../infra/socket/request-target.ts';
import { split, type ServeOptions } from './options.ts';

/** What is used of an application of Next.js 14 to 16, as `next({ dev })` makes it. */
export interface NextLike {
  getRequestHandler(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/** The hub in a custom server. */
export interface NextHub {
  /** The request listener: the HTTP door of the path, and Next.js for everything else. */
  readonly handler: (this: void, request: IncomingMessage, response: ServerResponse) => void;
  /**
   * Takes the WebSockets of the custom server. Next.js keeps its own, as for hot reloading. Returns the function that ends this.
   * @throws InvalidOptionError, UnsupportedServerError; see `hub.attach`
   */
  attach(this: void, server: UpgradeServer): () => void;
}

/**
 * Serves a path of a custom server of Next.js: WebSockets, and the HTTP door.
 *
 * ```ts
 * const app = next({ dev });
 * await app.prepare();
 * const chat = serveHub(hub, app, { path: '/chat', authenticate: ({ headers }) => sessionOf(headers.cookie), authorize, onPublish });
 * const server = createServer(chat.handler).listen(3000);
 * chat.attach(server);
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<S extends Session = Session, Definition extends ThreadDefinition = never>(
  hub: Hub<Definition>,
  app: NextLike,
  options: ServeOptions<IncomingMessage, S, Definition>,
): NextHub {
  const { attach, door } = split<S, Definition>(options);
  const { authenticate, path = '/' } = options;
  const servers = new Set<UpgradeServer>();
  const requests = new WeakMap<object, IncomingMessage>();
  const way =
    door &&
    httpHandler<S, Definition>(hub, {
      ...door,
      authenticate: (request, context) => {
        const known = requests.get(request);
        return known && authenticate(known, context);
      },
    });
  const pages = app.getRequestHandler();

  /**
   * Next.js listens to upgrades from its first request on, and ends those of a path that one of its pages has (14 to 16: `upgradeHandler` in
   * `server/lib/router-server`).
   */
  const showPage = (request: IncomingMessage, response: ServerResponse): void => {
    const before = Array.from(servers, (server) => [server, server.listeners('upgrade')] as const);
    pages(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    for (const [server, known] of before) {
      for (const listener of server.listeners('upgrade')) {
        if (known.includes(listener)) continue;
        server.off('upgrade', listener);
        server.on('upgrade', (...upgrade: [IncomingMessage, Duplex, Buffer]) => {
          if (pathOf(upgrade[0]) !== path) listener(...upgrade);
        });
      }
    }
  };

  return {
    handler(request, response) {
      requests.set(request, request);
      if (way === undefined) showPage(request, response);
      else way.node(request, response, () => showPage(request, response));
    },
    attach(server) {
      servers.add(server);
      const detach = hub.attach<S>(server, { ...attach, authenticate });
      return () => {
        servers.delete(server);
        detach();
      };
    },
  };
}
