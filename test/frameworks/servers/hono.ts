import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { getRequestListener } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Hub, UpgradeServer } from 'threadcast';
import { serveHub } from 'threadcast/use/hono';
import { certificate } from '../fixtures/certificate.ts';
import { closeServer, listen, rulesOf, serveOther, sessionOf, type Serve, type Served } from './served.ts';

interface Env {
  Variables: { user: string | undefined };
}

export const serveHono: Serve = (hub) => serve(hub, (listener) => createServer(listener));

/** WebSockets come over HTTP/1. */
export const serveHono2: Serve = (hub) =>
  serve(hub, (listener) => createSecureServer({ ...certificate(), allowHTTP1: true }, listener), 'https');

async function serve<Server extends UpgradeServer>(
  hub: Hub,
  make: (listener: ReturnType<typeof getRequestListener>) => Server,
  scheme = 'http',
): Promise<Served> {
  const app = new Hono<Env>();
  const chat = serveHub(hub, app, {
    ...rulesOf(hub),
    authenticate: (context: Context<Env>) => sessionOf(context.get('user')),
  });
  app.use(async (context, next) => {
    context.set('user', getCookie(context, 'user'));
    await next();
  });
  app.get('/login', (context) => {
    setCookie(context, 'user', context.req.query('user') ?? '');
    return context.text('signed in');
  });
  app.get('/page', (context) => context.text('a page'));
  app.use(async (context, next) => {
    if (context.get('user') === 'banned') return context.text('banned', 403);
    return next();
  });
  app.use('/chat', chat.handler);
  app.use('/chat/*', chat.handler);
  const server = make(getRequestListener(app.fetch));
  chat.attach(server);
  serveOther(server);
  const origin = await listen(server, scheme);
  return {
    origin,
    async close() {
      await hub.drain();
      await closeServer(server);
    },
  };
}
