import { expect, test } from 'vitest';
import type { ClientStream } from '../../src/client/index.ts';
import { allOf, fakeNetwork, joined, msg, turn } from './fake-network.ts';

const tok = (s: string, at: number, d: string) => ({ t: 'tok', th: 't', s, at, d });

function joinedThread(streams?: readonly string[]) {
  const network = fakeNetwork();
  const thread = network.client.join('t');
  const shown: ClientStream[] = [];
  thread.on('stream', (stream) => shown.push(stream));
  const { socket, clock } = network;
  socket.open().say({ ...joined('t', 'e.0.'), ref: socket.refs[0], streams });
  return {
    network,
    socket,
    clock,
    lose: () => socket.lose(),
    thread,
    shown,
    ids: () => thread.streams.map(({ id }) => id),
  };
}

test('streams that joined names, and those that are announced, are listed until they end, and can be cancelled', async () => {
  const { socket, shown, ids } = joinedThread(['a']);
  expect([ids(), shown.map(({ id, text }) => [id, text])]).toEqual([['a'], [['a', '']]]);
  socket.say(tok('b', 0, ''), tok('b', 0, ''), tok('a', 0, 'text'));
  expect([ids(), shown.length, shown[0]?.text]).toEqual([['a', 'b'], 2, 'text']);
  shown[1]?.cancel();
  await turn();
  expect(socket.sent.at(-1)).toEqual({ t: 'cancel', th: 't', s: 'b' });
  socket.say(msg('t', 1, { id: 'b', d: { text: '', aborted: 'cancelled' } }), {
    t: 'tok',
    th: 't',
    s: 'a',
    lost: true,
  });
  expect(ids()).toEqual([]);
  expect((await shown[1]?.done)?.id).toBe('b');
  // late news of what has ended
  socket.say(tok('b', 0, ''));
  expect([ids(), shown.length]).toEqual([[], 2]);
});

test('follow gives the whole text to the end, whether the stream has begun or not', async () => {
  const { socket, thread, shown, ids } = joinedThread();
  socket.say(tok('a', 0, 'one '));
  const known = allOf(thread.follow('a'));
  const early = thread.follow('b');
  const read = allOf(early);
  expect([ids(), thread.follow('b')]).toEqual([['a'], early]);
  socket.say(tok('a', 4, 'two'), tok('b', 0, 'x'), tok('b', 1, 'y'));
  expect([ids(), shown.map(({ id }) => id)]).toEqual([
    ['a', 'b'],
    ['a', 'b'],
  ]);
  await turn();
  socket.say(msg('t', 1, { id: 'a', d: { text: 'one two!' } }), msg('t', 2, { id: 'b', d: { text: 'xyz' } }));
  expect([(await known).join(''), (await read).join('')]).toEqual(['one two!', 'xyz']);
  expect(await thread.follow('a').done).toBeUndefined();
});

test('a stream of which only the message comes is followed, too', async () => {
  const { socket, thread, shown, ids } = joinedThread();
  const read = allOf(thread.follow('late'));
  socket.say(msg('t', 1, { id: 'late', d: { text: 'all of it' } }));
  expect([await read, shown, ids()]).toEqual([['all of it'], [], []]);
});

test('what is followed ends with the thread, and after it at once', async () => {
  const { thread } = joinedThread();
  const waiting = thread.follow('x');
  thread.leave();
  expect([await waiting.done, await thread.follow('y').done, thread.streams]).toEqual([undefined, undefined, []]);
  expect(() => thread.follow('no id')).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});

test('a reconnect reports what has begun, and not what is only awaited', async () => {
  const network = joinedThread(['a']);
  network.thread.follow('awaited');
  network.lose();
  await network.clock.advance(500);
  const { socket } = network.network;
  socket.open();
  await turn();
  expect(socket.sent[0]).toMatchObject({ t: 'join', th: 't', s: { a: 0 } });
});
