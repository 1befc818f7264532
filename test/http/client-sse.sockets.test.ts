import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { connect, type Client, type ConnectOptions, type OpenSocket } from '../../src/client/index.ts';
import { sse, type SseOptions } from '../../src/client/sse.ts';
import type { Receipt } from '../../src/index.ts';
import { serveHttp, type Served } from './fixtures/http-server.ts';

/** A hub whose HTTP door is open and whose WebSockets are as the test wants them. */
async function serve(): Promise<Served & { sockets: Set<Socket> }> {
  const served: Served = await serveHttp(
    {
      authenticate: ({ url = '' }) => (url.includes('token=bad') ? null : { userId: 'ada' }),
      onPublish: (_, { threadId, id, data }): Promise<Receipt> =>
        served.hub.thread(threadId).send(data, { idempotencyKey: id }),
    },
    // a machine that is slow is no client that is
    { sendTimeoutMs: 120_000 },
  );
  const sockets = new Set<Socket>();
  served.server.on('connection', (socket: Socket) => sockets.add(socket));
  return { ...served, sockets };
}

/** What comes of a dial, one after another. */
type Ways = string[];

const watched =
  (ways: Ways): ((open: OpenSocket) => OpenSocket) =>
  (open) =>
  (url) => {
    ways.push('websocket');
    return open(url);
  };

function dial(url: string, ways: Ways, options: ConnectOptions = {}, fallback: SseOptions = {}): Client {
  const client = connect(url.replace('http', 'ws'), {
    backoff: { minMs: 5, maxMs: 50 },
    ...options,
    transports: [watched(ways), sse(fallback)],
  });
  client.on('error', () => {});
  onTestFinished(() => client.close());
  return client;
}

it('falls back where upgrades are refused: messages, publishing, acks, streams, parts, resume', async () => {
  const { hub, url, sockets, connections } = await serve();
  const ways: Ways = [];
  const client = dial(url, ways);
  const thread = client.join('t');
  const got: unknown[] = [];
  const gaps: unknown[] = [];
  thread.on('message', ({ data }) => got.push(data));
  thread.on('gap', (gap) => gaps.push(gap));
  await expect.poll(() => client.state).toBe('open');
  expect(ways).toEqual(['websocket', 'websocket']);
  await expect.poll(() => thread.position).toBeDefined();
  const { position } = await client.publish('t', 'mine');
  expect(position).toBe(await hub.thread('t').position());
  const big = { big: 'ü'.repeat(700_000) };
  const receipt = await hub.thread('t').send(big);
  expect(await receipt.settled({ until: 'acked' })).toMatchObject({ acked: 1 });
  expect(got).toEqual(['mine', big]);
  const stream = hub.thread('t').stream({ id: 'answer' });
  stream.append('Hello ');
  const followed = thread.follow('answer');
  stream.append('world');
  await stream.end();
  await expect.poll(() => followed.text).toBe('Hello world');
  await expect.poll(() => got.length).toBe(3);
  // a line that is cut: what was missed comes, what waited is published once
  const before = connections.length;
  sockets.forEach((socket) => socket.destroy());
  await hub.thread('t').send('missed');
  await client.publish('t', 'after');
  await expect.poll(() => got.length).toBe(5);
  expect(got.slice(3)).toEqual(['missed', 'after']);
  expect(gaps).toEqual([]);
  expect(connections.length).toBeGreaterThan(before);
  // it stays with what has worked
  expect(ways).toHaveLength(2);
});

it('tries a WebSocket again later, and stays with it', async () => {
  const { hub, url, sockets, server } = await serve();
  const ways: Ways = [];
  const client = dial(url, ways, {}, { stayMs: 1 });
  await expect.poll(() => client.state).toBe('open');
  expect(ways).toHaveLength(2);
  hub.attach(server, { authorize: () => true });
  sockets.forEach((socket) => socket.destroy());
  await expect.poll(() => client.state === 'open' && ways.length === 3).toBe(true);
});

it('does not fall back where the server itself refuses, and learns from SSE why', async () => {
  const { url } = await serve();
  const ways: Ways = [];
  const client = dial(url, ways, { token: 'bad' });
  await expect.poll(() => client.state).toBe('closed');
  expect(ways).toHaveLength(2);
});

it('returns to WebSockets where nothing answers, and finds the server when it is back', async () => {
  const { url, server, port, hub } = await serve();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  const ways: Ways = [];
  const client = dial(url, ways);
  await expect.poll(() => ways.length).toBeGreaterThan(4);
  server.listen(port, '127.0.0.1');
  hub.attach(server);
  await expect.poll(() => client.state).toBe('open');
});
