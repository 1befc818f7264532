import { expect, test } from 'vitest';
import type { Message } from '../../src/client/index.ts';
import { fakeNetwork, joined, msg, rejectionOf } from './fake-network.ts';

async function take(iterator: AsyncIterator<Message>, count: number): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const { value } = await iterator.next();
    ids.push(value?.id);
  }
  return ids;
}

test('gives messages in order, held ones and coming ones, to several readers at once', async () => {
  const { client, socket } = fakeNetwork();
  const thread = client.join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  socket.open().say(joined('t1', 'e1.0.'), msg('t1', 1));
  const taken = [iterator.next(), iterator.next(), iterator.next()];
  socket.say(msg('t1', 2), msg('t1', 3));
  const results = await Promise.all(taken);
  expect(results.map(({ value }) => value?.id)).toEqual(['m1', 'm2', 'm3']);
});

test('for await ends when the thread is left, after what was held', async () => {
  const { client, socket } = fakeNetwork();
  const thread = client.join('t1');
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { id } of thread) seen.push(id);
  })();
  socket.open().say(joined('t1', 'e1.0.'), msg('t1', 1), msg('t1', 2));
  thread.leave();
  await reading;
  expect(seen).toEqual(['m1', 'm2']);
  expect(await thread[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

test('ends with close(), and throws when the server closed for good', async () => {
  const ended = fakeNetwork();
  const first = ended.client.join('t1')[Symbol.asyncIterator]().next();
  ended.client.close();
  expect(await first).toEqual({ done: true, value: undefined });

  const refused = fakeNetwork();
  const iterator = refused.client.join('t1')[Symbol.asyncIterator]();
  const second = rejectionOf(iterator.next());
  refused.socket.open().lose(4401, 'unauthenticated');
  expect(await second).toMatchObject({ code: 'TC_CONNECTION_REFUSED', closeCode: 4401 });
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

test('a reader that falls behind leaves the thread, and joins it again when it has caught up', async () => {
  const { client, socket } = fakeNetwork({ maxBuffered: 4 });
  const thread = client.join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  socket.open().say(joined('t1', 'e1.0.'));
  for (let o = 1; o <= 6; o++) socket.say(msg('t1', o));
  expect(socket.sent.slice(1)).toEqual([{ t: 'leave', th: 't1' }]);
  expect(thread.position).toBe('e1.4.m4');
  expect(await take(iterator, 1)).toEqual(['m1']);
  expect(socket.sent).toHaveLength(2);
  expect(await take(iterator, 1)).toEqual(['m2']);
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 't1', parts: true, from: 'e1.4.m4' });
  socket.say(joined('t1', 'e1.4.m4', 2), msg('t1', 5), msg('t1', 6));
  expect(await take(iterator, 4)).toEqual(['m3', 'm4', 'm5', 'm6']);
});

test('a reader that ends is waited for no longer; what it holds is gone', async () => {
  const { client, socket } = fakeNetwork({ maxBuffered: 2 });
  const iterator = client.join('t1')[Symbol.asyncIterator]();
  socket.open().say(joined('t1', 'e1.0.'), msg('t1', 1), msg('t1', 2));
  expect(socket.sent.at(-1)).toEqual({ t: 'leave', th: 't1' });
  await iterator.return?.();
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 't1', parts: true, from: 'e1.2.m2' });
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  const { length } = socket.sent;
  socket.say(joined('t1', 'e1.2.m2'), msg('t1', 3), msg('t1', 4), msg('t1', 5));
  expect(socket.sent).toHaveLength(length);
});

test('a paused thread is not joined by a reconnect, but by its reader', async () => {
  const network = fakeNetwork({ maxBuffered: 2 });
  const iterator = network.client.join('t1')[Symbol.asyncIterator]();
  network.socket.open().say(joined('t1', 'e1.0.'), msg('t1', 1), msg('t1', 2)).lose();
  await network.clock.advance(500);
  network.socket.open();
  expect(network.socket.sent).toEqual([]);
  await take(iterator, 1);
  expect(network.socket.sent).toEqual([{ t: 'join', th: 't1', parts: true, from: 'e1.2.m2' }]);
});

test('a paused thread that is left says so again: another join may have kept its subscription', async () => {
  const { client, socket } = fakeNetwork({ maxBuffered: 2 });
  const thread = client.join('t1');
  const iterator = thread[Symbol.asyncIterator]();
  socket.open().say(joined('t1', 'e1.0.'), msg('t1', 1), msg('t1', 2));
  thread.leave();
  expect(await take(iterator, 3)).toEqual(['m1', 'm2', undefined]);
  expect(socket.sent.slice(1)).toEqual([1, 2].map(() => ({ t: 'leave', th: 't1' })));
});
