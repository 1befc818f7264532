import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UpgradeServer } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { Session } from '../api/session.ts';
import { httpHandler } from '../http/index.ts';
import { Handshakes, statusOf } from './handshakes.ts';
import { split, type ServeOptions } from './options.ts';

/** An application of Express 4 or 5, Connect, or the like. */
export type ExpressApp = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The hub in an application. */
export interface ExpressHub<Request extends IncomingMessage> {
  /**
   * The handler of the path, for `app.use(handler)`: after the middleware that the handshake needs, such as sessions, and before handlers
   * that answer every request.
   */
  readonly handler: (this: void, request: Request, response: ServerResponse, next: () => void) => void;
  /**
   * Takes the WebSockets of the server that the application listens with. Returns the function that ends this.
   * @throws InvalidOptionError, UnsupportedServerError; see `hub.attach`
   */
  attach(this: void, server: UpgradeServer): () => void;
}

/**
 * Serves a path of an Express application: WebSockets, and the HTTP door. A handshake passes the application's middleware, so `authenticate`
 * finds what that has put on the request.
 *
 * ```ts
 * const chat = serveHub(hub, app, { path: '/chat', authenticate: ({ session }) => session.user, authorize, onPublish });
 * app.use(session({ … }));
 * app.use(chat.handler);
 * chat.attach(app.listen(3000));
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<
  Request extends IncomingMessage = IncomingMessage,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
>(hub: Hub<Definition>, app: ExpressApp, options: ServeOptions<Request, S, Definition>): ExpressHub<Request> {
  const { attach, door } = split<S, Definition>(options);
  const { authenticate } = options;
  const handshakes = new Handshakes<S>();
  /** Requests that the HTTP door is asked about, as the framework has them. */
  const requests = new WeakMap<object, Request>();
  const way =
    door &&
    httpHandler<S, Definition>(hub, {
      ...door,
      authenticate: (request, context) => {
        const known = requests.get(request);
        return known && authenticate(known, context);
      },
    });
  return {
    handler(request, response, next) {
      if (handshakes.take(request, (context) => authenticate(request, context))) return;
      requests.set(request, request);
      if (way === undefined) next();
      else way.node(request, response, next);
    },
    attach: (server) =>
      hub.attach<S>(server, {
        ...attach,
        authenticate: (request, context) =>
          handshakes.ask(request, context, () => statusOf(request, (response) => app(request, response))),
      }),
  };
}
