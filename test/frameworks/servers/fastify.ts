import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Hub } from 'threadcast';
import { serveHub } from 'threadcast/use/fastify';
import { certificate } from '../fixtures/certificate.ts';
import { originOf, rulesOf, serveOther, sessionOf, type Serve, type Served } from './served.ts';

declare module 'fastify' {
  interface Session {
    user?: string;
  }
}

export const serveFastify: Serve = async (hub) => serve(fastify(), 'http', hub);

/** HTTP/2: WebSockets come over HTTP/1. */
export const serveFastify2: Serve = async (hub) => {
  const https = { ...certificate(), allowHTTP1: true };
  return serve(fastify({ http2: true, https }), 'https', hub);
};

async function serve<Server extends HttpServer | Http2SecureServer>(
  app: FastifyInstance<Server>,
  scheme: string,
  hub: Hub,
): Promise<Served> {
  await app.register(cookie);
  await app.register(session, { secret: 'for the test, at least 32 bytes long', cookie: { secure: false } });
  app.get('/login', async ({ session, query }) => {
    session.user = new URLSearchParams(Object.entries(query ?? {})).get('user') ?? '';
    return 'signed in';
  });
  app.get('/page', async () => 'a page');
  app.addHook('onRequest', async ({ session }, reply) => {
    if (session.user === 'banned') await reply.code(403).send('banned');
  });
  await app.register(
    serveHub(hub, {
      ...rulesOf(hub),
      authenticate: ({ session }: FastifyRequest) => sessionOf(session.user),
    }),
  );
  serveOther(app.server);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { origin: originOf(app.server, scheme), close: () => app.close() };
}
