import { expect, it } from 'vitest';
import { TailWorld } from './tail-world.ts';

/** A tail that is opened with others, and what the log has answered. */
function expecting(log: string[]) {
  const world = new TailWorld(log);
  expect(world.tail.expectOpening()).toBe(true);
  const anchor = { epoch: 'e', head: log.length, headId: log.at(-1) ?? '', now: world.clock.now(), known: undefined };
  return { world, tail: world.tail, answer: () => world.tail.opened(anchor) };
}

it('is open at once where the log has answered, and asks no question of its own', () => {
  const { world, tail, answer } = expecting(['a', 'b']);
  expect(tail.isReady).toBe(false);
  answer();
  expect(tail.isReady).toBe(true);
  expect([tail.buffer.head, world.questions]).toEqual([2, 0]);
});

it('places what came while the log was asked', () => {
  const { world, tail, answer } = expecting(['a']);
  world.log.push('b');
  tail.place(world.arrival(2));
  expect(world.told).toEqual([]);
  answer();
  expect(world.told).toEqual(['b']);
});

it('asks again, by itself, where the log may have become another one meanwhile', async () => {
  const { world, tail, answer } = expecting(['a']);
  tail.doubt(true);
  world.log = ['x', 'y'];
  answer();
  expect(tail.isReady).toBe(false);
  await world.clock.settle();
  expect([tail.isReady, tail.buffer.headId]).toEqual([true, 'y']);
  expect(world.questions).toBeGreaterThan(0);
});

it('goes on by itself where the log has not answered; who waits for it is answered once', async () => {
  const { world, tail, answer } = expecting(['a']);
  let isReady = false;
  const waiting = tail.ready().then(() => (isReady = true));
  await world.clock.settle();
  expect(isReady).toBe(false);
  tail.openAlone();
  await waiting;
  expect([tail.buffer.head, world.questions]).toEqual([1, 1]);
  // an answer that comes after all counts for nothing
  world.log.push('b');
  tail.place(world.arrival(2));
  answer();
  tail.openAlone();
  expect([tail.buffer.head, world.questions, ...world.told]).toEqual([2, 1, 'b']);
});

it('that has ended meanwhile keeps nothing waiting', async () => {
  const { world, tail, answer } = expecting(['a']);
  const waiting = tail.ready();
  tail.end();
  answer();
  tail.openAlone();
  await waiting;
  await world.clock.settle();
  expect([tail.isReady, world.questions, world.clock.pending]).toEqual([false, 0, 0]);
});

it('is not opened with others while it is being opened, nor afterwards', async () => {
  const { tail, answer } = expecting([]);
  expect(tail.expectOpening()).toBe(false);
  answer();
  expect(tail.expectOpening()).toBe(false);
  const other = new TailWorld([]);
  const opened = other.tail.ready();
  expect(other.tail.expectOpening()).toBe(false);
  await opened;
});
