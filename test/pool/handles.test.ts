import { expect, it } from 'vitest';
import { joined, LISTS, msg } from '../client/fake-network.ts';
import { fakePool, joinsOf } from './fake-pool.ts';

it('each join is a handle with its own readers and position, over one line, and the last one leaves the thread', async () => {
  const { pool, clock, socket } = fakePool({ size: 1 });
  socket(0).open(LISTS);
  const [first, second] = [pool.join('t'), pool.join('t', { from: 'e.1.m1' })];
  expect(first).not.toBe(second);
  const seen: string[] = [];
  first.on('message', ({ id }) => seen.push(`first ${id}`));
  second.on('message', ({ id }) => seen.push(`second ${id}`));
  await clock.settle();
  expect(joinsOf(socket(0))).toEqual(['t', 't']);
  expect(pool.stats.threads).toBe(1);
  const [refOfFirst, refOfSecond] = socket(0).refs;
  socket(0).say({ ...joined('t', 'e.2.m2'), ref: refOfFirst }, msg('t', 3));
  socket(0).say({ ...joined('t', 'e.1.m1', 2), ref: refOfSecond }, msg('t', 2), msg('t', 3));
  expect(seen).toEqual(['first m3', 'second m2', 'second m3']);
  first.leave();
  expect(socket(0).sentOf('leave')).toEqual([]);
  socket(0).say(msg('t', 4));
  expect(seen.slice(3)).toEqual(['second m4']);
  second.leave();
  second.leave();
  expect(socket(0).sentOf('leave')).toEqual([{ t: 'leave', th: 't' }]);
  expect(pool.stats.threads).toBe(0);
  const again = pool.join('t');
  await clock.settle();
  expect(again.position).toBeUndefined();
  expect(joinsOf(socket(0))).toEqual(['t', 't', 't']);
});

it('all handles of a thread go on over another connection, each from its own position', async () => {
  const { pool, clock, sockets, socket } = fakePool({ size: 2 });
  for (const each of sockets) each.open(LISTS);
  const [first, second] = [pool.join('t'), pool.join('t', { from: 'start' })];
  first.on('message', () => {});
  second.on('message', () => {});
  await clock.settle();
  const at = sockets.findIndex((each) => joinsOf(each).length > 0);
  const [ref] = socket(at).refs;
  socket(at).say({ ...joined('t', 'e.5.m5'), ref });
  socket(at).lose();
  await clock.settle();
  const asked = socket(1 - at).sent.flatMap((frame) => (frame['t'] === 'join' ? [frame['from']] : (frame['l'] ?? [])));
  expect(asked).toMatchObject([
    ['t', expect.anything(), 'e.5.m5'],
    ['t', expect.anything(), 'start'],
  ]);
});

it('a join with a position that is none is refused, and leaves nothing behind', () => {
  const { pool } = fakePool();
  expect(() => pool.join('t', { from: 'nonsense' })).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  expect(pool.stats.threads).toBe(0);
  const known = pool.join('t');
  expect(() => pool.join('t', { from: 'nonsense' })).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  known.leave();
  expect(pool.stats.threads).toBe(0);
});
