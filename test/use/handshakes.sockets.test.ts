import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createHub, type Hub } from '../../src/index.ts';
import { serveHub } from '../../src/use/express.ts';
import type { ServeOptions } from '../../src/use/options.ts';
import { serveHub as serveSockets, type WsServeOptions } from '../../src/use/ws.ts';

type App = (request: IncomingMessage, response: ServerResponse, hub: (request: IncomingMessage) => void) => void;

interface Got {
  readonly hub: Hub;
  readonly errors: unknown[];
  /** The status of a refusal, or the code of a close, or `open`. */
  readonly connect: (path: string, headers?: Record<string, string>) => WebSocket;
  readonly outcome: (path?: string, headers?: Record<string, string>) => Promise<number | 'open'>;
}

/** A server whose application is a function. */
async function serve(app: App, options: Partial<ServeOptions<IncomingMessage>> = {}): Promise<Got> {
  const hub = createHub();
  const chat = serveHub(
    hub,
    (request, response) =>
      app(request, response, () => chat.handler(request, response, () => response.writeHead(404).end())),
    { authenticate: () => ({ userId: 'ada' }), ...options },
  );
  const server = createServer((_, response) => response.end());
  chat.attach(server);
  return got(hub, server);
}

async function got(hub: Hub, server: ReturnType<typeof createServer>): Promise<Got> {
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    await hub.close();
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const connect: Got['connect'] = (path, headers = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${address.port}${path}`, { headers });
    onTestFinished(() => socket.terminate());
    return socket;
  };
  const outcome: Got['outcome'] = (path = '/', headers = {}) => {
    const socket = connect(path, headers);
    return new Promise((resolve) => {
      socket.on('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
      socket.on('error', () => {});
      socket.on('close', resolve);
      socket.on('message', () => resolve('open'));
    });
  };
  return { hub, errors, connect, outcome };
}

test.each([
  [401, 401],
  [302, 401],
  [403, 403],
  [418, 403],
  [429, 429],
  [503, 503],
  [500, 503],
])(
  'middleware that answers with %i is a refusal with %i, and nothing of it reaches the socket',
  async (status, seen) => {
    const { errors, outcome } = await serve((_, response) => {
      response.setHeader('set-cookie', 'secret=1');
      response.writeHead(status);
      response.write('x'.repeat(100_000));
      response.end('not for a WebSocket');
    });
    expect(await outcome()).toBe(seen);
    expect(errors).toEqual([]);
  },
);

test('a handler that is not mounted is an error of the hub that says so', async () => {
  const { errors, outcome } = await serve((_, response) => void response.writeHead(404).end());
  expect(await outcome()).toBe(500);
  expect(errors).toEqual([expect.objectContaining({ code: 'TC_UNSUPPORTED_SERVER' })]);
});

test('middleware that throws, or never goes on, ends the handshake and nothing else', async () => {
  const thrown = await serve(() => {
    throw new Error('broken');
  });
  expect(await thrown.outcome()).toBe(500);
  expect(thrown.errors).toEqual([expect.objectContaining({ message: 'broken' })]);
  const hanging = await serve(() => {}, { authenticateTimeoutMs: 50, maxPendingHandshakes: 1 });
  expect(await hanging.outcome()).toBe(503);
  // its place is free again
  expect(await hanging.outcome()).toBe(503);
  expect(hanging.errors).toEqual([
    expect.objectContaining({ code: 'TC_AUTHENTICATION_TIMEOUT' }),
    expect.objectContaining({ code: 'TC_AUTHENTICATION_TIMEOUT' }),
  ]);
});

test('middleware that goes on twice, or answers as well, counts once', async () => {
  const { hub, errors, outcome } = await serve((request, response, next) => {
    next(request);
    next(request);
    response.writeHead(401).end();
  });
  expect(await outcome()).toBe('open');
  expect(hub.user('ada').connections.length).toBe(1);
  expect(errors).toEqual([]);
});

test('an adapter without authenticate is refused: a guard must not be left out by chance', () => {
  const hub = createHub();
  const options: { authenticate?: never } = {};
  // @ts-expect-error as from JavaScript
  expect(() => serveHub(hub, () => {}, options)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  // @ts-expect-error as from JavaScript
  expect(() => serveSockets(hub, new WebSocketServer({ noServer: true }), options)).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION' }),
  );
});

async function serveAccepted(options: WsServeOptions): Promise<Got> {
  const hub = createHub();
  const server = createServer();
  serveSockets(hub, new WebSocketServer({ server }), options);
  return got(hub, server);
}

test('WebSockets of a ws server: a refusal is a close code, and what a client sends early is not lost', async () => {
  const gate = Promise.withResolvers<{ userId: string }>();
  const { hub, errors, outcome, connect } = await serveAccepted({
    authenticate: ({ url }) => {
      if (url === '/late') return new Promise(() => {});
      if (url === '/none') return null;
      if (url === '/throws') throw new Error('broken');
      return gate.promise;
    },
    authorize: () => true,
    authenticateTimeoutMs: 100,
  });
  expect(await outcome('/none')).toBe(4401);
  expect(await outcome('/throws')).toBe(1013);
  expect(await outcome('/late')).toBe(1013);
  expect(await outcome('/', { origin: 'https://evil.example' })).toBe(4403);
  expect(errors.splice(0)).toEqual([
    expect.objectContaining({ message: 'broken' }),
    expect.objectContaining({ code: 'TC_AUTHENTICATION_TIMEOUT' }),
  ]);
  const joined = new Promise((resolve) => hub.on('join', resolve));
  const early = connect('/early');
  early.on('open', () => {
    early.send('{"t":"join","th":"t"}');
    gate.resolve({ userId: 'ada' });
  });
  expect(await joined).toMatchObject({ threadId: 't' });
  expect(hub.user('ada').connections.length).toBe(1);
  expect(errors).toEqual([]);
});
