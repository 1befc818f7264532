import { beforeEach, expect, it } from 'vitest';
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
