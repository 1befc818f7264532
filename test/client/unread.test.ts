import { expect, test } from 'vitest';
import type { Message } from '../../src/client/index.ts';
import { values } from '../../src/values/index.ts';
import { allOf, fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';

function start(options: Parameters<typeof fakeNetwork>[0] = {}) {
  const network = fakeNetwork(options);
  const thread = network.client.join('a');
  const socket = network.socket.open(LISTS).say(joined('a', 'e.0.'));
  return { network, thread, socket };
}

const ids = (messages: readonly Message[]): string[] => messages.map(({ id }) => id);
const token = (s: string, at: number, d: string) => ({ t: 'tok', th: 'a', s, at, d });

test('the first reader gets all that came before it, those of the same turn get it, too, later ones do not', async () => {
  const { thread, socket } = start();
  socket.say(msg('a', 1), msg('a', 2));
  const [first, second, late]: Message[][] = [[], [], []];
  thread.on('message', (message) => first?.push(message));
  thread.on('message', (message) => second?.push(message));
  const iterator = thread[Symbol.asyncIterator]();
  expect(first).toEqual([]);
  socket.say(msg('a', 3));
  await turn();
  thread.on('message', (message) => late?.push(message));
  socket.say(msg('a', 4));
  expect([first, second, late].map((messages) => ids(messages ?? []))).toEqual([
    ['m1', 'm2', 'm3', 'm4'],
    ['m1', 'm2', 'm3', 'm4'],
    ['m4'],
  ]);
  expect((await iterator.next()).value).toMatchObject({ id: 'm1' });
});

test('the iterator that is added after an await misses nothing', async () => {
  const { network, thread, socket } = start();
  const published = network.client.publish('a', 'hello');
  socket.say(msg('a', 1, { id: 'id-1' }), { t: 'ok', th: 'a', id: 'id-1' });
  await published;
  for await (const { id } of thread) {
    expect(id).toBe('id-1');
    break;
  }
});

test('without a reader, what is more than may be held waits on the server', async () => {
  const { thread, socket } = start({ maxBuffered: 4 });
  for (let o = 1; o <= 6; o++) socket.say(msg('a', o));
  expect(socket.sentOf('leave')).toHaveLength(1);
  const taken: string[] = [];
  thread.on('message', ({ id }) => taken.push(id));
  await turn();
  await turn();
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 'a', from: 'e.4.m4', parts: true });
  socket.say(joined('a', 'e.4.m4', 2), msg('a', 5), msg('a', 6));
  expect(taken).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6']);
});

test('where only streams are read, the oldest messages are given up, and streams go on', () => {
  const { thread, socket } = start({ maxBuffered: 4 });
  const seen: unknown[] = [];
  thread.on('stream', ({ id }) => seen.push(id));
  thread.on('gap', (gap) => seen.push(gap));
  for (let o = 1; o <= 4; o++) socket.say(msg('a', o));
  socket.say(token('s', 0, 'text'));
  expect(seen).toEqual([{ why: 'overflow', position: 'e.2.m2' }, 's']);
});

test('a thread with a listener for values goes on without a reader, and gives up the oldest messages', async () => {
  const { thread, socket } = start({ maxBuffered: 4, values });
  const seen: unknown[] = [];
  thread.on('gap', (gap) => seen.push(gap));
  const off = thread.values?.on('value', ({ key }) => seen.push(key));
  for (let o = 1; o <= 5; o++) socket.say(msg('a', o));
  socket.say({ t: 'vals', th: 'a', l: [['topic', 1]] });
  expect(socket.sentOf('leave')).toEqual([]);
  expect(seen).toEqual([{ why: 'overflow', position: 'e.2.m2' }, 'topic']);
  // without the listener, they wait for a reader
  off?.();
  socket.say(msg('a', 6));
  expect(socket.sentOf('leave')).toHaveLength(1);
  const taken: string[] = [];
  thread.on('message', ({ id }) => taken.push(id));
  await turn();
  expect(taken).toEqual(['m3', 'm4', 'm5', 'm6']);
});

test('a slow iterator misses nothing where values are listened to', async () => {
  const { thread, socket } = start({ maxBuffered: 4, values });
  thread.values?.on('value', () => {});
  const reader = thread[Symbol.asyncIterator]();
  for (let o = 1; o <= 6; o++) socket.say(msg('a', o));
  expect(socket.sentOf('leave')).toHaveLength(1);
  expect((await reader.next()).value).toMatchObject({ id: 'm1' });
});

test('a thread that is over gives its first reader what it holds', async () => {
  const { thread, socket } = start();
  socket.say(msg('a', 1));
  thread.leave();
  expect(ids(await allOf(thread))).toEqual(['m1']);
  expect(await allOf(thread)).toEqual([]);
});

test('a message names the stream that it ends, where the application has the stream', async () => {
  const { thread, socket } = start();
  socket.say(token('early', 0, 'un'), msg('a', 1, { id: 'early', d: { text: 'unseen' } }));
  socket.say(token('open', 0, 'half'));
  const streams: string[] = [];
  thread.on('stream', ({ id }) => streams.push(id));
  await turn();
  socket.say(token('live', 0, 'x'), msg('a', 2, { id: 'live' }), msg('a', 3, { id: 'open' }), msg('a', 4));
  const iterator = thread[Symbol.asyncIterator]();
  const shown: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { value } = await iterator.next();
    shown.push([value?.id, value?.stream]);
  }
  expect(streams).toEqual(['open', 'live']);
  expect(shown).toEqual([
    ['early', undefined],
    ['live', 'live'],
    ['open', 'open'],
    ['m4', undefined],
  ]);
});

test('a stream that goes on after a reconnect is ended by its message', async () => {
  const { network, thread, socket } = start();
  const messages: Message[] = [];
  thread.on('stream', () => {});
  thread.on('message', (message) => messages.push(message));
  socket.say(token('s', 0, 'half')).lose();
  await network.clock.advance(500);
  network.socket.open(LISTS).say(joined('a', 'e.0.', 1), msg('a', 1, { id: 's', d: { text: 'half and more' } }));
  expect(messages).toMatchObject([{ id: 's', stream: 's' }]);
});
