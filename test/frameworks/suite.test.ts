import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { createHub, type Hub } from 'threadcast';
import { connect, type Client } from 'threadcast/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { certificate } from './fixtures/certificate.ts';
import { startNginx, type Nginx } from './fixtures/nginx.ts';
import { serveCrossws } from './servers/crossws.ts';
import { serveExpress } from './servers/express.ts';
import { serveFastify, serveFastify2 } from './servers/fastify.ts';
import { serveHono, serveHono2 } from './servers/hono.ts';
import { serveNest, serveNestOverFastify } from './servers/nestjs.ts';
import { serveNext } from './servers/next.ts';
import type { Serve, Served } from './servers/served.ts';
import { serveWs } from './servers/ws.ts';

/** What a framework has besides WebSockets. */
interface Kind {
  readonly serve: Serve;
  /** The HTTP door. */
  readonly hasDoor: boolean;
  /** Middleware that refuses before the adapter. */
  readonly hasMiddleware: boolean;
  /** Refuses without a close code, where the client does not speak our subprotocol. */
  readonly hasStatus: boolean;
  readonly hasHttp2?: boolean;
}

const whole = { hasDoor: true, hasMiddleware: true, hasStatus: true };
const KINDS: Readonly<Record<string, Kind>> = {
  express: { serve: serveExpress, ...whole },
  fastify: { serve: serveFastify, ...whole },
  'fastify with HTTP/2': { serve: serveFastify2, ...whole, hasHttp2: true },
  hono: { serve: serveHono, ...whole },
  'hono with HTTP/2': { serve: serveHono2, ...whole, hasHttp2: true },
  nestjs: { serve: serveNest, ...whole },
  'nestjs over fastify': { serve: serveNestOverFastify, ...whole },
  next: { serve: serveNext, ...whole, hasMiddleware: false },
  crossws: { serve: serveCrossws, hasDoor: false, hasMiddleware: false, hasStatus: true },
  ws: { serve: serveWs, hasDoor: false, hasMiddleware: false, hasStatus: false },
};

const { cert } = certificate();
process.env.NEXT_TELEMETRY_DISABLED = '1';
// of this process only: the certificate is the test's own
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

describe.each(Object.entries(KINDS))('%s', (name, { serve, hasDoor, hasMiddleware, hasStatus, hasHttp2 = false }) => {
  const hub: Hub = createHub();
  const errors: unknown[] = [];
  const clients: Client[] = [];
  let served: Served;
  let nginx: Nginx;

  beforeAll(async () => {
    hub.on('error', (error) => errors.push(error));
    served = await serve(hub);
    nginx = await startNginx(served.origin);
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await nginx?.stop();
    await hub.close();
  });

  const headersOf = async (user: string, origin = served.origin): Promise<Record<string, string>> => {
    const response = await fetch(`${origin}/login?user=${user}`);
    expect(await response.text()).toBe('signed in');
    return {
      cookie: response.headers
        .getSetCookie()
        .map((cookie) => cookie.split(';')[0])
        .join('; '),
    };
  };
  const wsUrl = (path: string, origin = served.origin): string => origin.replace('http', 'ws') + path;

  function clientWith(headers: Record<string, string>, origin = served.origin): Client {
    class WithHeaders extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(url, protocols, { headers, ca: cert });
      }
    }
    const client = connect(wsUrl('/chat', origin), { WebSocket: WithHeaders, backoff: { minMs: 5, maxMs: 50 } });
    clients.push(client);
    return client;
  }

  /** What a client without our subprotocol gets: the status, or the close code. */
  async function outcomeOf(headers: Record<string, string>, path = '/chat'): Promise<number | string> {
    const socket = new WebSocket(wsUrl(path), { headers, ca: cert });
    return new Promise((resolve) => {
      socket.on('unexpected-response', (_, { statusCode }) => {
        resolve(statusCode ?? 0);
        socket.terminate();
      });
      socket.on('close', (code) => resolve(code));
      socket.on('error', () => {});
      socket.on('message', (data) => {
        resolve(String(data).slice(0, 12));
        socket.close();
      });
    });
  }

  it('the session of a cookie is that of the connection, which joins and publishes', async () => {
    const client = clientWith(await headersOf('ada'));
    const thread = client.join('t', { from: 'start' });
    const got = new Promise((resolve) => thread.on('message', ({ data }) => resolve(data)));
    await client.publish('t', 'hello');
    expect(await got).toEqual({ userId: 'ada', data: 'hello' });
    expect(hub.user('ada').connections.length).toBe(1);
    client.close();
    await expect.poll(() => hub.user('ada').connections.length).toBe(0);
  });

  it('a client without a session is told to sign in, or gets a status', async () => {
    const client = clientWith({});
    const signIn = new Promise((resolve) => client.on('signIn', resolve));
    await signIn;
    expect(client.state).toBe('closed');
    expect(await outcomeOf({})).toBe(hasStatus ? 401 : 4401);
    expect(errors).toEqual([]);
  });

  it.runIf(hasMiddleware)('middleware and guards refuse before the hub is asked', async () => {
    const banned = await headersOf('banned');
    expect(await outcomeOf(banned)).toBe(403);
    expect(errors).toEqual([]);
  });

  it('what authenticate throws is an error of the hub, and no end of the server', async () => {
    const outcome = await outcomeOf(await headersOf('broken'));
    expect([500, 503, 1013]).toContain(outcome);
    expect(errors.splice(0)).toEqual([expect.objectContaining({ message: 'the session store is down' })]);
    expect(await (await fetch(`${served.origin}/page`)).text()).toContain(
      name === 'next' ? 'a page, closed' : 'a page',
    );
  });

  it('pages of other sites do not get in with the cookies of this one', async () => {
    const headers = { ...(await headersOf('ada')), origin: 'https://evil.example' };
    expect([403, 4403]).toContain(await outcomeOf(headers));
    expect(await outcomeOf({ ...headers, origin: served.origin })).toBe('{"t":"hello"');
  });

  it('other paths and other upgrade handlers stay what they are', async () => {
    expect(await (await fetch(`${served.origin}/page`)).text()).toContain(
      name === 'next' ? 'a page, closed' : 'a page',
    );
    for (let round = 0; round < 2; round++) {
      const socket = new WebSocket(wsUrl('/other'), { ca: cert });
      await once(socket, 'open');
      socket.send('word');
      expect(String((await once(socket, 'message'))[0])).toBe('echo word');
      socket.close();
      expect(await outcomeOf(await headersOf('ada'))).toBe('{"t":"hello"');
    }
    // nor does the framework end the hub's WebSockets, also where it has looked at their path by then
    const mine = new WebSocket(wsUrl('/chat'), { headers: await headersOf('ada'), ca: cert });
    const end = once(mine, 'close').then(() => 'closed');
    await once(mine, 'message');
    for (let round = 0; round < 5; round++) await (await fetch(`${served.origin}/page`)).text();
    mine.ping();
    expect(await Promise.race([end, once(mine, 'pong').then(() => 'open')])).toBe('open');
    mine.close();
    expect(errors).toEqual([]);
  });

  it.runIf(hasDoor)('the HTTP door of the same path knows the same sessions', async () => {
    const headers = await headersOf('bob');
    const publish = (to: Record<string, string>): Promise<Response> =>
      fetch(`${served.origin}/chat/door/messages`, {
        method: 'POST',
        body: '{"text":"posted"}',
        headers: { 'content-type': 'application/json', ...to },
      });
    expect((await publish({})).status).toBe(401);
    if (hasMiddleware) expect((await publish(await headersOf('banned'))).status).toBe(403);
    expect((await publish(headers)).status).toBe(200);
    const page = await fetch(`${served.origin}/chat/door/messages`, { headers });
    expect(await page.json()).toMatchObject({ messages: [{ data: { userId: 'bob', data: { text: 'posted' } } }] });
    const controller = new AbortController();
    const events = await fetch(`${served.origin}/chat/door/events?from=start`, { headers, signal: controller.signal });
    let text = '';
    for await (const chunk of events.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('posted')) break;
    }
    expect(text).toContain('"userId":"bob"');
    controller.abort();
  });

  it.runIf(hasHttp2)('HTTP/2 has the pages and the HTTP door', async () => {
    const headers = await headersOf('bob');
    await hub.thread('h2').send('before');
    const session = connectHttp2(served.origin, { ca: cert });
    const get = async (path: string): Promise<string> => {
      let text = '';
      for await (const chunk of session.request({ ':path': path, ...headers })) text += String(chunk);
      return text;
    };
    expect(await get('/page')).toBe('a page');
    expect(JSON.parse(await get('/chat/h2/messages'))).toMatchObject({ messages: [{ data: 'before' }] });
    expect(JSON.parse(await get('/chat/h2/poll?from=start'))).toMatchObject({ messages: [{ d: 'before' }] });
    session.close();
  });

  it('behind nginx with TLS and a prefix', async () => {
    const headers = await headersOf('carol', nginx.origin);
    const client = clientWith({ ...headers, origin: new URL(nginx.origin).origin }, nginx.origin);
    const thread = client.join('proxied', { from: 'start' });
    const got = new Promise((resolve) => thread.on('message', ({ data }) => resolve(data)));
    await client.publish('proxied', 'through');
    expect(await got).toEqual({ userId: 'carol', data: 'through' });
    client.close();
  });

  it('ends with connections that are open: clients are sent elsewhere', async () => {
    const socket = new WebSocket(wsUrl('/chat'), { headers: await headersOf('ada'), ca: cert });
    await once(socket, 'message');
    const closed = once(socket, 'close');
    await served.close();
    expect((await closed)[0]).toBe(1012);
    expect(errors).toEqual([]);
  });
});
