import { expect, test } from 'vitest';
import { fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';

function start(options: Parameters<typeof fakeNetwork>[0] = {}) {
  const network = fakeNetwork(options);
  const thread = network.client.join('a');
  const events: unknown[] = [];
  thread.on('message', ({ id }) => events.push(id));
  thread.on('gap', ({ why }) => events.push(`gap ${why}`));
  thread.on('error', (error) => events.push(error));
  const socket = network.socket.open(LISTS).say(joined('a', 'e.0.'));
  return { network, thread, socket, events };
}

const part = (n: number, of: number, d: string, o = 1) => ({ t: 'part', th: 'a', o, id: `big${o}`, n, of, d });

test('a message that comes in parts without an end is not held, and a gap tells where it was', async () => {
  const { network, socket, events, thread } = start({ maxMessageBytes: 1_000 });
  for (let n = 0; n < 99; n++) socket.say(part(n, 100, 'x'.repeat(100)));
  expect(events).toMatchObject([{ code: 'TC_MESSAGE_TOO_LARGE', limit: 1_000, bytes: undefined }]);
  // it is not asked for again after a reconnect, and passes
  socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS).say(joined('a', 'e.0.', 2));
  for (let n = 0; n < 100; n++) network.socket.say(part(n, 100, 'x'.repeat(100)));
  network.socket.say(msg('a', 2));
  expect(events.slice(1)).toEqual(['gap too-large', 'm2']);
  expect([thread.position, network.socket.sentOf('join')]).toEqual(['e.2.m2', [expect.anything()]]);
});

test('empty parts are not free', () => {
  const { socket, events } = start({ maxMessageBytes: 1_000 });
  for (let n = 0; n < 50; n++) socket.say(part(n, 2 ** 40, ''));
  expect(events).toMatchObject([{ code: 'TC_MESSAGE_TOO_LARGE' }]);
});

test('a part beyond the number of parts is no frame', () => {
  const { network, socket } = start();
  socket.say(part(2, 2, ''));
  expect(network.errors).toMatchObject([{ code: 'TC_MALFORMED_FRAME' }]);
});

test('parts that are never right are asked for again at the pace of reconnects', async () => {
  const { network, socket } = start();
  socket.onSend = ({ t }) => {
    if (t === 'join') queueMicrotask(() => socket.say(joined('a', 'e.0.', 1), part(5, 9, 'x')));
  };
  socket.say(part(5, 9, 'x'));
  await network.clock.advance(60_000);
  expect(socket.sentOf('join').length).toBeGreaterThan(10);
  expect(socket.sentOf('join').length).toBeLessThan(130);
  network.client.close();
});

test('a server that asks for a pause of weeks gets minutes, and one that sends us away at once does not set the pace', async () => {
  const network = fakeNetwork();
  network.socket
    .open(LISTS)
    .say({ t: 'bye', retryMs: 24 * 86_400_000 })
    .lose(1012);
  expect(network.sockets).toHaveLength(1);
  await network.clock.advance(300_000);
  expect(network.sockets).toHaveLength(2);
  for (let i = 0; i < 20; i++) {
    network.socket.open(LISTS).say({ t: 'bye', retryMs: 1 }).lose(1012);
    await network.clock.advance(499);
    await network.clock.advance(1);
  }
  expect(network.sockets.length).toBeLessThan(23);
});

test('streams without end are bounded, in number and length', async () => {
  const { network, socket, thread, events } = start({ maxMessageBytes: 1_000 });
  const done: string[] = [];
  thread.on('stream', (stream) => void stream.done.then(() => done.push(stream.id)));
  for (let i = 0; i < 300; i++) socket.say({ t: 'tok', th: 'a', s: `s${i}`, at: 0, d: 'x' });
  for (let at = 1; at < 5_000; at += 100) socket.say({ t: 'tok', th: 'a', s: 's299', at, d: 'x'.repeat(100) });
  await turn();
  expect(done).toHaveLength(44);
  socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  const s: unknown = network.socket.sent[0]?.['s'];
  expect(Object.keys(Object(s))).toHaveLength(256);
  expect(s).toMatchObject({ s299: 901 });
  expect(events).toEqual([]);
});

test('positions of text that are none are no frame', () => {
  const { network, socket } = start();
  for (const at of [-1, 0.5, '0']) socket.say({ t: 'tok', th: 'a', s: 's', at, d: 'x' });
  expect(network.errors).toHaveLength(3);
});

test('a server does not open threads without end', () => {
  const network = fakeNetwork();
  let opened = 0;
  network.client.on('thread', () => opened++);
  network.socket.open(LISTS);
  for (let i = 0; i <= 16_384; i++) network.socket.say({ ...joined(`t${i}`, 'e.0.'), ref: undefined });
  expect(opened).toBe(16_384);
  expect(network.errors).toMatchObject([
    { code: 'TC_SERVER_ERROR', reason: 'TC_TOO_MANY_THREADS', threadId: 't16384' },
  ]);
});

test('messages ahead are not remembered without end', () => {
  const { socket, events } = start();
  for (let o = 2; o < 16_390; o++) socket.say(msg('a', o, { ahead: true }));
  // those that are remembered are known, the oldest are not
  socket.say(msg('a', 16_380, { ahead: true }), msg('a', 2, { ahead: true }));
  expect(events).toHaveLength(16_389);
});
