import { expect, test } from 'vitest';
import { fakeNetwork, joined, LISTS, msg, rejectionOf, turn, type FakeSocket } from './fake-network.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const threads = (from: number, to: number): string[] => range(from, to).map((n) => `t${n}`);

/** The threads of each frame of joins. */
const namesOf = (socket: FakeSocket): unknown[] =>
  socket.sentOf('joins').map(({ l }) => (Array.isArray(l) ? l.map((entry: unknown[]) => entry[0]) : l));

test('comes back with many threads in few frames, no more at a time than the server takes', async () => {
  const network = fakeNetwork();
  for (const id of threads(0, 10)) network.client.join(id);
  const socket = network.socket.open(LISTS);
  expect(namesOf(socket)).toEqual([threads(0, 4)]);
  socket.say(joined('t1', 'e.1.'));
  expect(namesOf(socket)).toHaveLength(1);
  // half of them are answered
  socket.say({ t: 'err', code: 'forbidden', th: 't0', ref: 1 });
  expect(namesOf(socket)).toEqual([threads(0, 4), threads(4, 6)]);
  for (const id of threads(2, 10)) socket.say(joined(id, 'e.1.'));
  await network.clock.advance(1_000);
  expect(namesOf(socket).flat()).toEqual(threads(0, 10));
  expect(socket.sent).toHaveLength(namesOf(socket).length);
});

test('a list says what a join says, and leaves out what there is nothing of', async () => {
  const network = fakeNetwork();
  for (const id of ['a', 'b', 'c']) network.client.join(id).on('stream', () => {});
  network.socket.open(LISTS);
  expect(network.socket.sent).toEqual([
    {
      t: 'joins',
      parts: true,
      l: [
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ],
    },
  ]);
  network.socket.say(joined('a', 'e.1.'), joined('b', 'e.1.'), joined('c', 'e.1.'));
  network.socket.say({ t: 'tok', th: 'a', s: 's', at: 0, d: 'text' });
  network.socket.say({ t: 'part', th: 'b', o: 2, id: 'big', n: 0, of: 2, d: '{' });
  network.socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  expect(network.socket.sent).toEqual([
    {
      t: 'joins',
      parts: true,
      l: [
        ['a', 4, 'e.1.', { s: 4 }],
        ['b', 5, 'e.1.', null, { o: 2, id: 'big', n: 1, of: 2 }],
        ['c', 6, 'e.1.'],
      ],
    },
  ]);
});

test('frames keep within what the server takes', () => {
  const network = fakeNetwork();
  for (const id of threads(0, 4)) network.client.join(id.padEnd(100, '-'));
  network.socket.open({ ...LISTS, limits: { list: 100, maxBytes: 900 } });
  expect(network.socket.sent.length).toBeGreaterThan(1);
  for (const frame of network.socket.sent) expect(JSON.stringify(frame).length).toBeLessThan(900);
});

test('threads that are joined in one turn go out together, those that are left in it do not', async () => {
  const network = fakeNetwork();
  const socket = network.socket.open(LISTS);
  const [, b] = ['a', 'b', 'c'].map((id) => network.client.join(id));
  b?.leave();
  await turn();
  expect(namesOf(socket)).toEqual([['a', 'c']]);
});

test('what is published in a thread comes after its join', async () => {
  const network = fakeNetwork();
  const socket = network.socket.open(LISTS);
  for (const id of threads(0, 9)) network.client.join(id);
  void rejectionOf(network.client.publish('t8', 'hello'));
  expect(namesOf(socket)).toEqual([threads(0, 4)]);
  expect(socket.sent.slice(-2)).toEqual([
    { t: 'join', th: 't8', parts: true },
    { t: 'pub', th: 't8', id: 'id-1', d: 'hello' },
  ]);
  await turn();
});

test('an old server gets single joins, a few at a time, as it answers', async () => {
  const network = fakeNetwork();
  for (const id of threads(0, 100)) network.client.join(id);
  const socket = network.socket.open();
  expect(socket.sentOf('join')).toHaveLength(32);
  await network.clock.advance(60_000);
  expect(socket.sentOf('join')).toHaveLength(32);
  for (let answered = 0; answered < 100; answered++) {
    const { th } = socket.sentOf('join')[answered] ?? {};
    socket.say(joined(String(th), 'e.0.'));
    expect(socket.sentOf('join').length - answered).toBeLessThanOrEqual(33);
  }
  expect(socket.sentOf('join').map(({ th }) => th)).toEqual(threads(0, 100));
});

test('one thread too many is refused for good', async () => {
  const network = fakeNetwork();
  const thread = network.client.join('a');
  const ended = rejectionOf(thread[Symbol.asyncIterator]().next());
  network.socket.open(LISTS).refuse('a', 'TC_TOO_MANY_THREADS');
  expect(await ended).toMatchObject({ code: 'TC_JOIN_REFUSED', reason: 'TC_TOO_MANY_THREADS' });
  await network.clock.advance(60_000);
  network.socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open(LISTS).sent).toEqual([]);
});

test('acknowledgements of many threads share a frame, once a second', async () => {
  const network = fakeNetwork();
  for (const id of threads(0, 6)) network.client.join(id);
  const socket = network.socket.open(LISTS);
  for (const id of threads(0, 6)) socket.say(joined(id, 'e.0.'));
  for (const o of range(1, 50)) for (const id of threads(0, 6)) socket.say(msg(id, o));
  await network.clock.advance(1_000);
  expect(socket.sentOf('acks')).toEqual([
    { t: 'acks', l: threads(0, 4).map((id) => [id, 49]) },
    { t: 'acks', l: threads(4, 6).map((id) => [id, 49]) },
  ]);
  expect(socket.sentOf('ack')).toEqual([]);
});

test('an old server gets no more acknowledgements a second than it takes, and in the end all', async () => {
  const network = fakeNetwork();
  for (const id of threads(0, 300)) network.client.join(id);
  const socket = network.socket.open();
  await network.clock.advance(1_000);
  for (const id of threads(0, 300)) socket.say(joined(id, 'e.0.'), msg(id, 1));
  await network.clock.advance(1_000);
  expect(socket.sentOf('ack')).toHaveLength(128);
  await network.clock.advance(2_000);
  expect(socket.sentOf('ack').map(({ th }) => th)).toEqual(threads(0, 300));
});

test('a second hello changes nothing', async () => {
  const network = fakeNetwork();
  network.client.join('a');
  void rejectionOf(network.client.publish('a', 1));
  const socket = network.socket.open(LISTS);
  const { length } = socket.sent;
  for (let i = 0; i < 10; i++) socket.say(LISTS);
  await turn();
  expect(socket.sent).toHaveLength(length);
});
