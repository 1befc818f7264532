import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { createHub, type AttachOptions, type Connection, type Hub, type HubOptions } from '../../src/index.ts';
import type { Message } from '../../src/client/index.ts';
import { nextOf, range, take, testClient } from './hub-server.ts';

/** A hub behind an HTTP server: clients are who their URL says. */
async function serve(options: AttachOptions<{ userId: string }> = {}, hubOptions: HubOptions = {}) {
  const hub = createHub(hubOptions);
  const server = createServer();
  hub.attach(server, {
    authenticate: ({ url = '/' }) => ({ userId: new URL(url, 'ws://localhost').searchParams.get('user') ?? 'nobody' }),
    authorize: () => true,
    onPublish: (_session, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  onTestFinished(async () => {
    await hub.close();
    server.close();
    server.closeAllConnections();
  });
  return { hub, url: `ws://127.0.0.1:${address.port}/?user=ada@example.org` };
}

const nextConnection = (hub: Hub): Promise<Connection> =>
  new Promise((resolve) => {
    const off = hub.on('connection', (connection) => {
      off();
      resolve(connection);
    });
  });

test('more threads than its rate allows at once come back after a cut, and hear each message once; the client is never sent away', async () => {
  // ten seconds' worth may come at once: two joins for each thread are half as much again
  const { hub, url } = await serve({}, { maxInputPerSecond: 250 });
  const client = testClient(url);
  const codes: unknown[] = [];
  client.on('state', ({ to, code }) => to === 'waiting' && codes.push(code));
  const received = new Map<string, unknown[]>();
  const joins = range(0, 1_799).map((n) => {
    const thread = client.join(`t${n}`);
    thread.on(
      'message',
      ({ data }) => void (received.get(thread.id) ?? received.set(thread.id, []).get(thread.id))?.push(data),
    );
    return nextOf(thread, 'joined');
  });
  await Promise.all(joins);
  for (const connection of hub.connections) connection.close(4408, 'cut');
  for (const n of range(0, 1_799)) if (n % 20 === 0) await hub.thread(`t${n}`).send(n);
  await Promise.all(
    range(0, 1_799)
      .filter((n) => n % 20 === 0)
      .map(async (n) => {
        await expect.poll(() => received.get(`t${n}`)).toEqual([n]);
      }),
  );
  expect(codes).toEqual([4408]);
});

test('a client that only listens is not sent away by what it acknowledges', async () => {
  const { hub, url } = await serve({}, { maxInputPerSecond: 100 });
  const client = testClient(url);
  const states: unknown[] = [];
  client.on('state', ({ to }) => states.push(to));
  const threads = range(0, 899).map((n) => client.join(`t${n}`));
  let count = 0;
  for (const thread of threads) thread.on('message', () => count++);
  await Promise.all(threads.map((thread) => nextOf(thread, 'joined')));
  const receipts = [];
  for (const round of range(0, 3)) {
    for (const { id } of threads) receipts.push(await hub.thread(id).send(round));
  }
  const outcomes = await Promise.all(receipts.map((receipt) => receipt.settled({ until: 'acked' })));
  expect(outcomes.filter(({ acked }) => acked === 1)).toHaveLength(receipts.length);
  expect([count, states]).toEqual([receipts.length, ['open']]);
});

test('a client that is kicked hears of it; the inbox has what is sent to it and to its user, also from while it was away', async () => {
  const { hub, url } = await serve();
  const client = testClient(url);
  const inbox = client.inbox[Symbol.asyncIterator]();
  const arrival = nextConnection(hub);
  const lobby = client.join('lobby');
  await nextOf(lobby, 'joined');
  const connection = await arrival;
  expect(await (await connection.send('to you')).settled({ until: 'acked' })).toMatchObject({ acked: 1 });
  await hub.user('ada@example.org').send('to ada');
  expect(await take(inbox, 2)).toEqual(['to you', 'to ada']);
  const left = nextOf(lobby, 'left');
  connection.leave('lobby', { reason: 'deleted' });
  expect(await left).toEqual({ reason: 'deleted' });
  expect(await take(lobby[Symbol.asyncIterator](), 1)).toEqual([]);
  connection.close(4408, 'cut');
  await hub.user('ada@example.org').send('while away');
  expect(await take(inbox, 1)).toEqual(['while away']);
  const back = [...hub.connections];
  expect(back.map(({ threads }) => threads)).toEqual([['~user:ada@example.org']]);
});

test('a thread that the application joins is announced, though its client may not join', async () => {
  const { hub, url } = await serve({ authorize: () => false });
  hub.on('connection', (connection) => void connection.join('room').then(() => hub.thread('room').send('welcome')));
  const client = testClient(url);
  const data: unknown[] = [];
  client.on('thread', (thread) => thread.on('message', (message: Message) => data.push([thread.id, message.data])));
  await expect.poll(() => data).toEqual([['room', 'welcome']]);
  // and is reachable by its name
  const other = testClient(url);
  await expect.poll(() => [...hub.connections].flatMap(({ threads }) => threads)).toHaveLength(2);
  await expect.poll(() => other.state).toBe('open');
  await new Promise((resolve) => setImmediate(resolve));
  expect(await take(other.join('room')[Symbol.asyncIterator](), 1)).toEqual(['welcome']);
});

test('the natural code misses no message, and shows an answer that was streamed once', async () => {
  const { hub, url } = await serve({
    onPublish: async (_session, { threadId, id, data }) => {
      const receipt = await hub.thread(threadId).send(data, { idempotencyKey: id });
      const stream = hub.thread(threadId).stream();
      for (const token of ['an', ' an', 'swer']) stream.append(token);
      // the tokens go out before the end
      setTimeout(() => void stream.end({ role: 'assistant' }), 50);
      return receipt;
    },
  });
  const client = testClient(url);
  const shown: unknown[] = [];
  const lobby = client.join('lobby');
  lobby.on('stream', async (stream) => {
    let text = '';
    for await (const piece of stream) text += piece;
    shown.push(text);
  });
  await client.publish('lobby', 'a question');
  for await (const { data, stream } of lobby) {
    if (stream === undefined) shown.push(data);
    else break;
  }
  await expect.poll(() => new Set(shown)).toEqual(new Set(['a question', 'an answer']));
});
