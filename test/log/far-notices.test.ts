import { expect, it } from 'vitest';
import { makeBody } from '../../src/index.ts';
import { PendingAppend } from '../../src/infra/log/shared/pending-appends.ts';
import { TailWorld } from './tail-world.ts';

/** A tail of a thread with so many entries, which holds none of them. */
async function openedAt(count: number): Promise<TailWorld> {
  const world = new TailWorld(Array.from({ length: count }, (_, i) => `m${i + 1}`));
  await world.tail.ready();
  await world.clock.advance(10);
  world.questions = 0;
  return world;
}

it('an entry beyond the end of the log is dropped when the log has been asked', async () => {
  const world = await openedAt(3);
  world.tail.place(world.arrival(1e9, 'forged'));
  world.tail.place(world.arrival(Number.MAX_VALUE, 'forged'));
  await world.clock.advance(60_000);
  expect(world.questions).toBe(1);
  world.log.push('m4');
  world.tail.place(world.arrival(4));
  await world.clock.advance(60_000);
  expect(world.told).toEqual(['m4']);
  expect(world.questions).toBe(1);
});

it('an entry that came while the log was being asked is not dropped by that answer', async () => {
  const world = await openedAt(3);
  world.held = [];
  const caughtUp = world.tail.catchUp();
  await world.clock.settle();
  world.log.push('m4', 'm5');
  // the notice of m4 is lost
  world.tail.place(world.arrival(5));
  const [first] = world.held;
  world.held = undefined;
  first?.();
  await caughtUp;
  await world.clock.advance(20);
  expect(world.told).toEqual(['m4', 'm5']);
});

it('for an append that the log has answered and does not have, the log is asked less and less often, and not once it has failed', async () => {
  const world = await openedAt(3);
  const draft = { threadId: 't', id: 'own', lane: 'normal', body: makeBody([Buffer.from('1')]) } as const;
  const own = (world.own = new PendingAppend({ ...draft, expiresAt: Infinity }, world.clock.now(), { at: 0 }));
  world.tail.place(world.arrival(9, 'own'), own);
  await world.clock.advance(5_000);
  expect(world.questions).toBeGreaterThan(2);
  expect(world.questions).toBeLessThan(15);
  own.promise.catch(() => {});
  own.fail(new Error('its time is up'));
  await world.clock.advance(5_000);
  world.questions = 0;
  await world.clock.advance(60_000);
  expect(world.questions).toBe(0);
  expect(world.told).toEqual([]);
});

it('a tail that holds nothing finds a loss of the log by an entry below its end', async () => {
  const world = await openedAt(100);
  // the log has lost half of its entries, and continues in its epoch
  world.log = [...world.log.slice(0, 50), 'new'];
  world.tail.place(world.arrival(51));
  await world.clock.advance(100);
  expect(world.told).toEqual(['fork after 50', 'new']);
});

it('an entry with a forged time far ahead hides no later loss', async () => {
  const world = await openedAt(100);
  world.log.push('forged');
  world.tail.place(world.arrival(101, 'forged', 1e15));
  await world.clock.advance(10);
  // the log has lost half of its entries, and continues in its epoch
  world.log = [...world.log.slice(0, 50), 'new'];
  world.tail.place(world.arrival(51));
  await world.clock.advance(100);
  expect(world.told).toEqual(['forged', 'fork after 50', 'new']);
});

it('an entry that is late, from before the tail was opened, asks nothing', async () => {
  const world = new TailWorld(['m1', 'm2', 'm3']);
  const late = [world.arrival(2), world.arrival(3)];
  await world.clock.advance(10);
  await world.tail.ready();
  world.questions = 0;
  for (const arrival of late) world.tail.place(arrival);
  await world.clock.advance(60_000);
  expect(world.told).toEqual([]);
  expect(world.questions).toBe(0);
});
