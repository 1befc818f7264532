import { expect, test } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import type { WebSocketConstructor } from '../../src/client/index.ts';
import { nextOf, nextState, range, serveHub, take, testClient } from './hub-server.ts';

const kinds: [string, WebSocketConstructor][] = [
  ['the global WebSocket', WebSocket],
  ['the WebSocket of ws', NodeWebSocket],
];

test.each(kinds)('joins and receives, with %s', async (_, WebSocket) => {
  const { hub, url } = await serveHub();
  await hub.thread('t1').send('before');
  const client = testClient(url, { WebSocket });
  const thread = client.join('t1', { from: 'start' });
  const iterator = thread[Symbol.asyncIterator]();
  expect(await take(iterator, 1)).toEqual(['before']);
  const sends = range(1, 100).map((n) => hub.thread('t1').send(n));
  expect(await take(iterator, 100)).toEqual(range(1, 100));
  await Promise.all(sends);
  expect(thread.position).toBe(await hub.thread('t1').position());
});

test.each(kinds)('resumes after the server destroyed the socket, with %s', async (_, WebSocket) => {
  const { hub, url, sockets } = await serveHub();
  const client = testClient(url, { WebSocket });
  const thread = client.join('t1');
  const gaps: unknown[] = [];
  thread.on('gap', (gap) => gaps.push(gap));
  const iterator = thread[Symbol.asyncIterator]();
  await nextOf(thread, 'joined');
  await hub.thread('t1').send(1);
  expect(await take(iterator, 1)).toEqual([1]);
  const lost = nextState(client);
  const rejoined = nextOf(thread, 'joined');
  sockets.at(-1)?.destroy();
  for (const n of range(2, 5)) await hub.thread('t1').send(n);
  expect(await lost).toMatchObject({ from: 'open', to: 'waiting', code: 1006 });
  expect(await take(iterator, 4)).toEqual([2, 3, 4, 5]);
  expect((await rejoined).recovered).toBe(4);
  expect(gaps).toEqual([]);
});

test('sockets destroyed at any byte, small messages and big ones: nothing is lost, doubled or moved', async () => {
  const { hub, url, sockets } = await serveHub();
  const client = testClient(url);
  const thread = client.join('t1');
  const ids: string[] = [];
  const inOrder: (number | undefined)[] = [];
  const gaps: unknown[] = [];
  thread.on('message', ({ id, offset, ahead }) => {
    ids.push(id);
    if (!ahead) inOrder.push(offset);
  });
  thread.on('gap', (gap) => gaps.push(gap));
  await nextOf(thread, 'joined');
  const sent: string[] = [];
  for (const n of range(1, 240)) {
    const id = `id-${n}`;
    const text = n % 20 === 0 ? 'x'.repeat(600_000) : 'y'.repeat(n);
    await hub.thread('t1').send({ n, text }, { idempotencyKey: id, lane: n % 7 === 0 ? 'critical' : 'normal' });
    sent.push(id);
    // right after the message was offered: big ones are cut in the middle of a frame
    if (n % 10 === 0) {
      const rejoined = nextOf(thread, 'joined');
      sockets.at(-1)?.destroy();
      await rejoined;
    }
  }
  const last = await hub.thread('t1').send('last', { idempotencyKey: 'last' });
  sent.push('last');
  if (!ids.includes('last')) await nextOf(thread, 'message', ({ id }) => id === 'last');
  expect([...ids].sort()).toEqual([...sent].sort());
  expect(inOrder).toEqual([...inOrder].sort((a, b) => Number(a) - Number(b)));
  expect(gaps).toEqual([]);
  expect(thread.position).toBe(last.position);
  expect(sockets.length).toBeGreaterThanOrEqual(24);
});

test('evicted as a slow consumer in the middle of things, it resumes without loss or duplicate', async () => {
  const { hub, url } = await serveHub();
  const client = testClient(url);
  const thread = client.join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  await nextOf(thread, 'joined');
  const codes: unknown[] = [];
  client.on('state', ({ to, code }) => to === 'waiting' && codes.push(code));
  for (const n of range(1, 300)) {
    const sent = hub.thread('t1').send(n);
    if (n % 100 === 0) for (const connection of hub.connections) connection.close(4408, 'slow consumer');
    await sent;
  }
  expect(await take(iterator, 300)).toEqual(range(1, 300));
  await hub.thread('t1').send('end');
  expect(await take(iterator, 1)).toEqual(['end']);
  expect(codes.length).toBeGreaterThanOrEqual(1);
  expect(new Set(codes)).toEqual(new Set([4408]));
});

test('a slow reader is not sent what it cannot hold, and misses nothing', async () => {
  const { hub, url } = await serveHub();
  const thread = testClient(url, { maxBuffered: 8 }).join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  await nextOf(thread, 'joined');
  await Promise.all(range(1, 200).map((n) => hub.thread('t1').send(n)));
  expect(await take(iterator, 200)).toEqual(range(1, 200));
});

test('a forbidden join is an error of its thread, and of nothing else', async () => {
  const { hub, url } = await serveHub();
  const client = testClient(url);
  const secret = client.join('secret');
  const open = client.join('t1');
  const iterator = open[Symbol.asyncIterator]();
  const joined = nextOf(open, 'joined');
  expect(await nextOf(secret, 'error')).toMatchObject({
    code: 'TC_JOIN_REFUSED',
    threadId: 'secret',
    reason: 'forbidden',
  });
  await joined;
  await hub.thread('secret').send('hush');
  await hub.thread('t1').send('hello');
  expect(await take(iterator, 1)).toEqual(['hello']);
});

test('a position in another epoch: a gap, then all that is kept', async () => {
  const { hub, url } = await serveHub();
  await hub.thread('t1').send(1);
  const thread = testClient(url).join('t1', { from: 'nowhere.1.x' });
  const iterator = thread[Symbol.asyncIterator]();
  expect(await nextOf(thread, 'gap')).toMatchObject({ why: 'epoch' });
  expect(await take(iterator, 1)).toEqual([1]);
});

test('a code that says never ends everything', async () => {
  const { hub, url, sockets } = await serveHub();
  const client = testClient(url);
  const thread = client.join('t1');
  await nextOf(thread, 'joined');
  const closed = nextState(client);
  const iterator = thread[Symbol.asyncIterator]();
  for (const connection of hub.connections) connection.close(4403, 'not you');
  await expect(iterator.next()).rejects.toMatchObject({
    code: 'TC_CONNECTION_REFUSED',
    closeCode: 4403,
    reason: 'not you',
  });
  expect(await closed).toEqual({ from: 'open', to: 'closed', code: 4403, reason: 'not you' });
  expect(client.state).toBe('closed');
  // another client's whole life later, this one has not come back
  const other = testClient(url);
  await nextOf(other.join('t1'), 'joined');
  expect(sockets).toHaveLength(2);
});

test('publishes, and what waited while the connection was gone', async () => {
  const { hub, url, sockets } = await serveHub();
  const heard: unknown[] = [];
  const { promise: heardAll, resolve } = Promise.withResolvers<void>();
  hub.on('connection', (connection) =>
    connection.on('message', (message) => {
      heard.push(message);
      if (heard.length === 3) resolve();
    }),
  );
  const client = testClient(url, { token: 'secret' });
  const first = client.publish('t1', { n: 1 }, { id: 'a' });
  const { messageId } = await first;
  expect(messageId).toMatch(/^[\w-]{22}\.a$/);
  const second = client.publish('t1', { n: 2 }, { id: 'b' });
  await second;
  await nextOf(client.join('t1'), 'joined');
  const lost = nextState(client);
  sockets.at(-1)?.destroy();
  await lost;
  await client.publish('t1', { n: 3 }, { id: 'c' });
  await heardAll;
  expect(heard).toEqual([
    { threadId: 't1', id: messageId, data: { n: 1 } },
    { threadId: 't1', id: messageId.replace('.a', '.b'), data: { n: 2 } },
    // of the same client, on another connection
    { threadId: 't1', id: messageId.replace('.a', '.c'), data: { n: 3 } },
  ]);
});

test('a deploy: it comes back when it was told to, and learns that the log is another one', async () => {
  const server = await serveHub();
  const old = server.hub;
  // of the wait that the server asks for, a hundredth is enough
  const clock = {
    now: () => performance.now(),
    setTimeout: (callback: () => void, delayMs: number) => {
      const timer = setTimeout(callback, delayMs === 5_000 ? 50 : delayMs);
      return () => clearTimeout(timer);
    },
    clearTimeout: (cancel: unknown) => {
      if (typeof cancel === 'function') cancel();
    },
  };
  const client = testClient(server.url, { clock });
  const thread = client.join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  await nextOf(thread, 'joined');
  await old.thread('t1').send('old');
  expect(await take(iterator, 1)).toEqual(['old']);
  server.replaceHub();
  await server.hub.thread('t1').send('new');
  const waiting = nextState(client);
  const gap = nextOf(thread, 'gap');
  await old.drain();
  expect(await waiting).toEqual({
    from: 'open',
    to: 'waiting',
    code: 1012,
    reason: 'service restart',
    failures: 0,
    // the only client need not wait
    retryInMs: expect.toSatisfy((ms: number) => ms < 5_000),
  });
  expect(await gap).toMatchObject({ why: 'epoch' });
  expect(await take(iterator, 1)).toEqual(['new']);
});

test('what the application sends to who has just come reaches a client that asks for nothing older', async () => {
  const { hub, url } = await serveHub();
  hub.on('connection', async (connection) => {
    await connection.join('t1');
    await hub.thread('t1').send('welcome');
  });
  const iterator = testClient(url).join('t1')[Symbol.asyncIterator]();
  expect(await take(iterator, 1)).toEqual(['welcome']);
  await hub.thread('t1').send('and so on');
  expect(await take(iterator, 1)).toEqual(['and so on']);
});

test('a thread that is left and joined anew at once has what its last join asks for', async () => {
  const { hub, url } = await serveHub({ authorize: () => Promise.resolve(true) });
  for (const n of range(1, 5)) await hub.thread('t1').send(n);
  const client = testClient(url);
  await nextState(client);
  // as a component does that is mounted twice
  client.join('t1').leave();
  const thread = client.join('t1', { from: 'start' });
  const gaps: unknown[] = [];
  thread.on('gap', (gap) => gaps.push(gap));
  const iterator = thread[Symbol.asyncIterator]();
  await nextOf(thread, 'joined');
  await hub.thread('t1').send(6);
  expect(await take(iterator, 6)).toEqual(range(1, 6));
  expect(gaps).toEqual([]);
});

test('what waited for a connection is more than the server lets wait: it goes in portions, and the connection lives', async () => {
  const accepted: string[] = [];
  const { url, hub } = await serveHub({
    authorize: () => true,
    async onPublish({ id }) {
      await new Promise((resolve) => void setTimeout(resolve, 5));
      accepted.push(id.slice(id.indexOf('.') + 1));
    },
  });
  const client = testClient(url);
  const published = range(1, 40).map((n) => client.publish('t1', 'x'.repeat(60_000), { id: `m${n}` }));
  await Promise.all(published);
  expect(accepted).toEqual(range(1, 40).map((n) => `m${n}`));
  expect(hub.stats().connectionsAccepted).toBe(1);
});
