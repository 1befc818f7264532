import { beforeEach, expect, it } from 'vitest';
import { makeBody } from '../../src/index.ts';
import { PendingAppend } from '../../src/infra/log/shared/pending-appends.ts';
import { TailWorld } from './tail-world.ts';

let world: TailWorld;

beforeEach(async () => {
  world = new TailWorld(['a', 'b']);
  await world.tail.ready();
  await world.tail.reach('start');
  world.log.push('c');
  world.tail.place(world.arrival(3));
  expect(world.told).toEqual(['c']);
});

it('an entry of another server, which follows by its number alone, waits until the tail was compared', async () => {
  // the server has been replaced by one that never had `c`, which its author has sent again meanwhile
  world.log = ['a', 'b', 'x', 'c'];
  world.tail.doubt();
  world.tail.place(world.arrival(4));
  expect(world.told).toEqual(['c']);
  await world.tail.catchUp();
  await world.clock.settle();
  expect(world.told).toEqual(['c', 'fork after 2', 'x', 'c']);
});

it('where the log ends as the tail does, what has waited is placed', () => {
  world.tail.doubt();
  world.log.push('d');
  world.tail.place(world.arrival(4));
  expect(world.told).toEqual(['c']);
  world.tail.trust();
  expect(world.told).toEqual(['c', 'd']);
  world.log.push('e');
  world.tail.place(world.arrival(5));
  expect(world.told).toEqual(['c', 'd', 'e']);
});

it('an answer that was asked for before the doubt does not end it', async () => {
  world.held = [];
  const caughtUp = world.tail.catchUp();
  await world.clock.settle();
  expect(world.held).toHaveLength(1);
  world.log = ['a', 'b', 'x', 'c'];
  world.tail.doubt();
  world.tail.place(world.arrival(4));
  const [first] = world.held;
  world.held = undefined;
  first?.();
  await caughtUp;
  await world.clock.settle();
  expect(world.told).toEqual(['c', 'fork after 2', 'x', 'c']);
});

it('the end of another server is compared with what is before it as well', async () => {
  // the former server was replaced before it had passed `b` on; the author of `c` has sent it again, after `x`
  world.tail.place(world.arrival(2));
  world.log = ['a', 'x', 'c'];
  world.tail.doubt(true);
  world.tail.trust();
  await world.clock.settle();
  expect(world.told).toEqual(['c', 'fork after 1', 'x', 'c']);
});

it('another server with longer history, and all of what the tail holds, is no fork', async () => {
  world.log.push('d', 'e');
  world.tail.doubt(true);
  await world.tail.catchUp();
  expect(world.told).toEqual(['c', 'd', 'e']);
  expect(world.pages).toBe(1);
});

it('an entry between the same ones, of another server with longer history', async () => {
  world.log = ['a', 'x', 'c', 'd'];
  world.tail.doubt(true);
  await world.tail.catchUp();
  expect(world.told).toEqual(['c', 'fork after 1', 'x', 'c', 'd']);
});

it('another connection to the same server costs a tail no page', async () => {
  world.tail.doubt();
  await world.tail.catchUp();
  expect(world.pages).toBe(0);
});

it('an answer to an append of this process has a tail in doubt compared at once', async () => {
  world.questions = 0;
  world.tail.doubt();
  world.log = ['a', 'b', 'x', 'c', 'own'];
  const body = makeBody([Buffer.from('1')]);
  const own = new PendingAppend(
    { threadId: 't', id: 'own', lane: 'normal', body, expiresAt: Infinity },
    world.clock.now(),
    { at: 0 },
  );
  world.own = own;
  world.tail.place(world.arrival(5), own);
  await own.promise;
  await world.clock.settle();
  expect(world.told).toEqual(['c', 'fork after 2', 'x', 'c', 'own']);
});

it('where the oldest entry that another server still has is another one, nothing held is kept: the fork may lie before', async () => {
  world.log = ['x', 'y', 'z', 'c'];
  world.first = 2;
  world.tail.doubt(true);
  await world.tail.catchUp();
  expect(world.told).toEqual(['c', 'fork after 1', 'y', 'z', 'c']);
  expect([world.tail.buffer.first, world.tail.buffer.idBefore]).toEqual([2, '']);
});

it('where another server has trimmed all that the tail holds, a fork says that the histories cannot be compared', async () => {
  world.log = ['x', 'y', 'z', 'd', 'e'];
  world.first = 4;
  world.tail.doubt(true);
  await world.tail.catchUp();
  expect(world.told).toEqual(['c', 'fork after 3', 'd', 'e']);
});

it('where the same server has trimmed all that the tail holds, the thread goes on', async () => {
  world.log = ['a', 'b', 'c', 'd', 'e'];
  world.first = 4;
  world.tail.doubt();
  await world.tail.catchUp();
  expect(world.told).toEqual(['c', 'd', 'e']);
});
