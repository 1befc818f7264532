import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { UpgradeServer } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { Session } from '../api/session.ts';
import { httpHandler } from '../http/index.ts';
import { Handshakes, statusOf } from './handshakes.ts';
import { split, type ServeOptions } from './options.ts';

/** What is used of a request of Fastify 5. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage | Http2ServerRequest;
}

/** What is used of a reply of Fastify 5. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse | Http2ServerResponse;
  hijack(): unknown;
  code(status: number): { send(): unknown };
}

/** What is used of an instance of Fastify 5. */
export interface FastifyLike<Request> {
  readonly server: UpgradeServer;
  readonly prefix: string;
  routing(request: IncomingMessage, response: ServerResponse): void;
  route(options: {
    method: string[];
    url: string;
    handler: (request: Request, reply: FastifyReplyLike) => void;
  }): unknown;
  addHook(name: 'preClose', hook: () => Promise<void>): unknown;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: '*',
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown;
}

/** @typeParam Request the request of the instance */
export interface FastifyServeOptions<
  Request,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
> extends ServeOptions<Request, S, Definition> {
  /** Whether `fastify.close()` drains the hub first. Without that, it waits for the hub's connections. @default true */
  drainOnClose?: boolean | undefined;
}

/**
 * A plugin that serves a path of a Fastify server, below the prefix that it is registered with: WebSockets, and the HTTP door. A handshake
 * passes the hooks of the instance, so `authenticate` finds what plugins have put on the request.
 *
 * ```ts
 * await fastify.register(cookie);
 * await fastify.register(session, { secret });
 * await fastify.register(serveHub(hub, { path: '/chat', authenticate: ({ session }) => session.user, authorize, onPublish }));
 * ```
 *
 * An HTTP/2 server needs `https: { allowHTTP1: true }`, because HTTP/2 has no upgrades.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<
  Request extends FastifyRequestLike = FastifyRequestLike,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
>(
  hub: Hub<Definition>,
  { drainOnClose = true, ...options }: FastifyServeOptions<Request, S, Definition>,
): (fastify: FastifyLike<Request>) => Promise<void> {
  const { attach, door } = split<S, Definition>(options);
  const { authenticate, path = '/' } = options;
  return async (fastify) => {
    const whole = (fastify.prefix + path).replace(/(?<=.)\/$/, '');
    const handshakes = new Handshakes<S>();
    const requests = new WeakMap<object, Request>();
    const way =
      door &&
      httpHandler<S, Definition>(hub, {
        ...door,
        path: whole,
        authenticate: (request, context) => {
          const known = requests.get(request);
          return known && authenticate(known, context);
        },
      });
    const handler = (request: Request, reply: FastifyReplyLike): void => {
      if (way === undefined && !request.raw.headers.upgrade) {
        reply.code(426).send();
        return;
      }
      reply.hijack();
      if (handshakes.take(request.raw, (context) => authenticate(request, context))) return;
      requests.set(request.raw, request);
      way?.node(request.raw, reply.raw);
    };
    // the door reads bodies itself
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
    const below = path.endsWith('/') ? `${path}*` : `${path}/*`;
    for (const url of new Set([path, below])) fastify.route({ method: ['GET', 'POST', 'OPTIONS'], url, handler });
    const detach = hub.attach<S>(fastify.server, {
      ...attach,
      path: whole,
      authenticate: (request, context) =>
        handshakes.ask(request, context, () => statusOf(request, (response) => fastify.routing(request, response))),
    });
    fastify.addHook('preClose', async () => {
      detach();
      if (drainOnClose) await hub.drain();
    });
  };
}
