import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import { doorOf } from '../actors/gateway/hub-door.ts';
import { InvalidOptionError } from '../infra/errors.ts';
import type { Exchange } from './exchange.ts';
import { FetchExchange } from './fetch-exchange.ts';
import { HttpDoor } from './http-door.ts';
import { NodeExchange, wholeUrlOf } from './node-exchange.ts';
import { resolveHttp, type HttpHandlerOptions, type HttpSession } from './options.ts';
import { Problem } from './problem.ts';
import { routeOf } from './router.ts';

/** Answers the HTTP requests of a hub's clients. */
export interface HttpHandler {
  /**
   * For the `request` event of `node:http`, `node:https` and `node:http2`, or as the middleware of a framework.
   * @returns whether the request is one of the handler's; if not, `next` is called, or without it the answer is a 404
   */
  node(
    this: void,
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => void,
  ): boolean;
  /** For servers that take a `Request` and answer with a `Response`. The answer to a request that is not the handler's is a 404. */
  fetch(this: void, request: Request): Promise<Response>;
}

/**
 * The HTTP door of a hub, for networks and clients without WebSockets: Server-Sent Events, polls, history, and `POST` to publish. See
 * `docs/http.md`.
 *
 * ```ts
 * const http = httpHandler(hub, { path: '/chat', authenticate, authorize, onPublish });
 * createServer((request, response) => http.node(request, response, () => app(request, response)));
 * ```
 *
 * An event stream is a connection like others: `connection` events, states, limits, and the inspector have it.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function httpHandler<S extends HttpSession = HttpSession, Definition extends ThreadDefinition = never>(
  hub: Hub<Definition>,
  options: HttpHandlerOptions<S, Definition> = {},
): HttpHandler {
  const way = doorOf(hub);
  if (way === undefined) throw new InvalidOptionError({ option: 'hub', value: hub, expected: 'a hub of createHub' });
  const settings = resolveHttp(options, way.context.settings.input.maxInputBytes);
  const door = new HttpDoor(hub, way, settings);

  return {
    node(request, response, next) {
      // a framework that mounts the handler removes the mount from `url`
      const route = routeOf(wholeUrlOf(request), settings.path) ?? routeOf(request.url ?? '', settings.path);
      if (route !== undefined) void door.answer(route, new NodeExchange(request, response));
      else if (next === undefined) notFound(new NodeExchange(request, response));
      else next();
      return route !== undefined;
    },
    fetch(request) {
      const exchange = new FetchExchange(request);
      const route = routeOf(exchange.url, settings.path);
      if (route === undefined) notFound(exchange);
      else void door.answer(route, exchange);
      return exchange.response;
    },
  };
}

function notFound(exchange: Exchange): void {
  const problem = new Problem(404, 'not-found');
  exchange.send(problem.status, { 'content-type': 'application/problem+json' }, problem.body);
}
