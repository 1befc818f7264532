import { expect, test } from 'vitest';
import { fakeNetwork, joined, LISTS, msg, turn } from './fake-network.ts';

const edit = (th: string, o: number, re: string, d: unknown) => ({ t: 'msg', th, o, id: `m${o}`, re, d });
const removed = (th: string, o: number, re: string) => ({ t: 'removed', th, o, id: `m${o}`, re });

function start() {
  const network = fakeNetwork();
  const thread = network.client.join('a');
  const told: unknown[] = [];
  thread.on('replaced', (news) => told.push(news));
  thread.on('removed', (news) => told.push(news));
  return { network, thread, told, socket: network.socket.open(LISTS) };
}

test('edits and removals are events, once each, and move the position', async () => {
  const { network, thread, told, socket } = start();
  const ids: string[] = [];
  thread.on('message', ({ id }) => ids.push(id));
  await turn();
  socket.say(joined('a', 'e.0.'), msg('a', 1), edit('a', 2, 'm1', 'new'), removed('a', 3, 'm1'));
  expect(ids).toEqual(['m1']);
  expect(told).toEqual([
    { id: 'm1', data: 'new', position: 'e.2.m2' },
    { id: 'm1', data: undefined, position: 'e.3.m3' },
  ]);
  expect(thread.position).toBe('e.3.m3');
  socket.lose();
  await network.clock.advance(500);
  const again = network.socket.open(LISTS);
  await turn();
  again.say(joined('a', 'e.3.m3'), edit('a', 2, 'm1', 'new'), removed('a', 3, 'm1'), msg('a', 4));
  expect(told).toHaveLength(2);
  expect(ids).toEqual(['m1', 'm4']);
});

test('what no reader has taken yet comes in its newest version, or not at all', async () => {
  const { thread, told, socket } = start();
  const slow = thread[Symbol.asyncIterator]();
  await turn();
  socket.say(
    joined('a', 'e.0.'),
    msg('a', 1),
    msg('a', 2),
    msg('a', 3),
    edit('a', 4, 'm2', 'new'),
    removed('a', 5, 'm1'),
  );
  expect(told).toHaveLength(2);
  expect((await slow.next()).value).toMatchObject({ id: 'm2', data: 'new' });
  expect((await slow.next()).value).toMatchObject({ id: 'm3' });
});
