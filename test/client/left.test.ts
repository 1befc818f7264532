import { expect, test } from 'vitest';
import type { ClientThread } from '../../src/client/index.ts';
import { allOf, fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';

const left = (th: string, why?: string) => ({ t: 'left', th, why });
const byApplication = (th: string, pos: string) => ({ ...joined(th, pos), ref: undefined });

function start() {
  const network = fakeNetwork();
  const events: unknown[] = [];
  const watch = (thread: ClientThread): ClientThread => {
    thread.on('left', ({ reason }) => events.push(`left ${thread.id}: ${reason}`));
    thread.on('message', ({ id }) => events.push(id));
    thread.on('gap', ({ why }) => events.push(`gap ${why}`));
    thread.on('error', (error) => events.push(error));
    return thread;
  };
  network.client.on('thread', (thread) => {
    events.push(`thread ${thread.id}`);
    watch(thread);
  });
  return { network, events, watch, socket: network.socket.open(LISTS) };
}

test('a thread that the server takes away ends, and is not joined again by itself', async () => {
  const { network, events, watch, socket } = start();
  const thread = watch(network.client.join('a'));
  const reading = allOf(thread);
  await turn();
  socket.say(joined('a', 'e.0.'), msg('a', 1), left('a', 'kicked'), msg('a', 2));
  expect(await reading).toMatchObject([{ id: 'm1' }]);
  expect(events).toEqual(['m1', 'left a: kicked']);
  socket.lose();
  await network.clock.advance(500);
  expect(network.socket.open(LISTS).sent).toEqual([]);
  // who wants to may ask
  const again = network.client.join('a');
  expect(again).not.toBe(thread);
  await turn();
  expect(network.socket.sentOf('join')).toHaveLength(1);
});

test('without a reason it is a kick; the application’s own words come as they are', async () => {
  const { network, events, watch, socket } = start();
  for (const id of ['a', 'b']) watch(network.client.join(id));
  await turn();
  socket.say(joined('a', 'e.0.'), joined('b', 'e.0.'), left('a'), left('b', 'the room is full'));
  expect(events).toEqual(['left a: kicked', 'left b: the room is full']);
});

test('what is taken away before the join is another subscription', async () => {
  const { network, events, watch, socket } = start();
  watch(network.client.join('a')).leave();
  watch(network.client.join('a'));
  await turn();
  socket.say(left('a'), joined('a', 'e.0.'), msg('a', 1));
  expect(events).toEqual(['m1']);
});

test('a join that is on its way when the thread is taken away does not bring it back', async () => {
  const { network, events, watch, socket } = start();
  watch(network.client.join('a'));
  await turn();
  socket.say(joined('a', 'e.0.'), { t: 'part', th: 'a', o: 1, id: 'big', n: 1, of: 2, d: '' });
  await turn();
  expect(socket.sentOf('join')).toHaveLength(2);
  socket.say(left('a'), joined('a', 'e.0.'), msg('a', 1));
  expect(events).toEqual(['left a: kicked']);
  expect(socket.sent.at(-1)).toEqual({ t: 'leave', th: 'a' });
});

test('a thread that waits for its reader can be taken away', async () => {
  const network = fakeNetwork({ maxBuffered: 2 });
  const thread = network.client.join('a');
  const socket = network.socket.open(LISTS);
  socket.say(joined('a', 'e.0.'), msg('a', 1), msg('a', 2), left('a'));
  expect(await allOf(thread)).toMatchObject([{ id: 'm1' }, { id: 'm2' }]);
  await turn();
  expect(socket.sentOf('join')).toHaveLength(1);
});

test('a leave that crosses the server’s is no ghost', async () => {
  const { network, events, watch, socket } = start();
  const thread = watch(network.client.join('a'));
  await turn();
  socket.say(joined('a', 'e.0.'));
  thread.leave();
  socket.say(left('a'), msg('a', 1));
  expect([events, network.errors]).toEqual([[], []]);
});

test('a thread that the application joins is announced, holds what comes, and is reachable', async () => {
  const { events, socket } = start();
  socket.say(byApplication('a', 'e.5.'), msg('a', 6));
  expect(events).toEqual(['thread a', 'm6']);

  const silent = fakeNetwork();
  silent.socket.open(LISTS).say(byApplication('a', 'e.5.'), msg('a', 6));
  const thread = silent.client.join('a');
  await turn();
  expect(silent.socket.sent).toEqual([]);
  expect((await thread[Symbol.asyncIterator]().next()).value).toMatchObject({ id: 'm6' });
});

test('a join with a position of a thread that only the application has joined asks for what comes after it', async () => {
  const { client, socket } = fakeNetwork();
  socket.open(LISTS).say(byApplication('a', 'e.5.'));
  const got: unknown[] = [];
  client.join('a', { from: 'start' }).on('message', ({ id }) => got.push(id));
  socket.say(msg('a', 6));
  await turn();
  expect(socket.sent).toHaveLength(1);
  socket.say(joined('a', 'e.0.'), msg('a', 1), msg('a', 2));
  expect(got).toEqual(['m1', 'm2']);
});

test('after a reconnect the application joins again, and what was missed is a gap', async () => {
  const { network, events, socket } = start();
  socket.say(byApplication('a', 'e.5.'), msg('a', 6));
  socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  await turn();
  expect(network.socket.sent).toEqual([]);
  network.socket.say(byApplication('a', 'e.6.m6'), msg('a', 7)).lose();
  await network.clock.advance(20_000);
  network.socket.open(LISTS).say(byApplication('a', 'e.9.m9'));
  expect(events).toEqual(['thread a', 'm6', 'm7', 'gap trimmed']);
});

test('a thread that the page joins as well comes back by itself', async () => {
  const { network, socket } = start();
  socket.say(byApplication('a', 'e.5.'), msg('a', 6));
  const ref = expect.any(Number);
  network.client.join('a');
  socket.lose();
  await network.clock.advance(500);
  // the page's own join, and the handle of the event
  const l = [
    ['a', ref, 'e.6.m6'],
    ['a', ref],
  ];
  expect(network.socket.open(LISTS).sent).toEqual([{ t: 'joins', parts: true, l }]);
});

test('a join that is refused where the application has joined leaves the application’s', async () => {
  const { network, events, watch, socket } = start();
  watch(network.client.join('a'));
  await turn();
  const [ref] = socket.refs;
  socket.say(
    byApplication('a', 'e.1.'),
    { t: 'err', code: 'forbidden', th: 'a', ref },
    { ...joined('a', 'e.1.'), ref },
  );
  socket.say(msg('a', 2));
  expect([events, network.errors]).toEqual([['m2'], []]);
});

test('one that asked for more and is refused ends; the application’s is announced', async () => {
  const { network, events, watch, socket } = start();
  watch(network.client.join('a', { from: 'start' }));
  await turn();
  const [ref] = socket.refs;
  socket.say(byApplication('a', 'e.1.'), msg('a', 2));
  socket.say({ t: 'err', code: 'forbidden', th: 'a', ref }, { ...joined('a', 'e.2.m2'), ref }, msg('a', 3));
  expect(events).toEqual([expect.objectContaining({ code: 'TC_JOIN_REFUSED' }), 'thread a', 'm3']);
});

test('a leave takes an application’s join that came before it, too', async () => {
  const { network, events, socket } = start();
  const thread = network.client.join('a');
  await turn();
  thread.leave();
  const [ref] = socket.refs;
  socket.say(byApplication('a', 'e.1.'), { ...joined('a', 'e.1.'), ref });
  expect(events).toEqual(['thread a']);
  const again = network.client.join('a');
  await turn();
  expect([again === thread, socket.sentOf('join')]).toEqual([
    false,
    [
      { t: 'join', th: 'a', parts: true },
      { t: 'join', th: 'a', parts: true },
    ],
  ]);
});

test('where the application joins, a reader that is too slow loses the oldest, and is told', async () => {
  const network = fakeNetwork({ maxBuffered: 4 });
  const gaps: unknown[] = [];
  network.client.on('thread', (thread) => thread.on('gap', (gap) => gaps.push(gap)));
  const socket = network.socket.open(LISTS).say(byApplication('a', 'e.0.'));
  for (let o = 1; o <= 7; o++) socket.say(msg('a', o));
  expect(socket.sent).toEqual([]);
  expect(gaps).toEqual([
    { why: 'overflow', position: 'e.2.m2' },
    { why: 'overflow', position: 'e.4.m4' },
  ]);
  const held = network.client.join('a')[Symbol.asyncIterator]();
  expect((await held.next()).value).toMatchObject({ id: 'm5' });
});

test('a page that joins what the application has not joined again asks at once', async () => {
  const { network, socket } = start();
  socket.say(byApplication('a', 'e.5.'), msg('a', 6));
  socket.lose();
  await network.clock.advance(500);
  network.socket.open(LISTS);
  network.client.join('a');
  await turn();
  const ref = expect.any(Number);
  expect(network.socket.sent).toEqual([
    {
      t: 'joins',
      parts: true,
      l: [
        ['a', ref, 'e.6.m6'],
        ['a', ref],
      ],
    },
  ]);
});

test('an answer that crosses the leave of a full buffer does not let it in', async () => {
  const network = fakeNetwork({ maxBuffered: 2 });
  const thread = network.client.join('a');
  const socket = network.socket.open(LISTS);
  await turn();
  socket.say(byApplication('a', 'e.0.'), msg('a', 1), msg('a', 2));
  expect(socket.sentOf('leave')).toHaveLength(1);
  socket.say(joined('a', 'e.0.'), msg('a', 3));
  const iterator = thread[Symbol.asyncIterator]();
  const ids = [];
  for (let i = 0; i < 2; i++) ids.push((await iterator.next()).value?.id);
  expect(ids).toEqual(['m1', 'm2']);
  expect(socket.sent.at(-1)).toEqual({ t: 'join', th: 'a', parts: true, from: 'e.2.m2' });
});

test('after a reconnect the application’s join does not hide what the client still has to ask for', async () => {
  const { network, events, watch, socket } = start();
  for (const id of ['b', 'c', 'd', 'e', 'a']) watch(network.client.join(id));
  await turn();
  for (const id of ['b', 'c', 'd', 'e']) socket.say(joined(id, 'e.0.'));
  await turn();
  socket.say(joined('a', 'e.0.'), msg('a', 1)).lose();
  await network.clock.advance(500);
  // four joins wait for their answers, that of `a` for its turn
  const next = network.socket.open(LISTS);
  next.say(byApplication('a', 'e.9.m9'), msg('a', 10));
  for (const id of ['b', 'c', 'd', 'e']) next.say(joined(id, 'e.0.'));
  await turn();
  next.say(joined('a', 'e.1.m1', 9), msg('a', 2));
  expect(events).toEqual(['m1', 'm2']);
});
