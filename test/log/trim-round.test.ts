import { expect, it } from 'vitest';
import { TrimRound } from '../../src/infra/log/trim-round.ts';

/** A thread with so much to trim. */
interface Thread {
  left: number;
}

const trim = (thread: Thread): boolean => {
  thread.left = Math.max(0, thread.left - 1);
  return thread.left === 0;
};

it('stops when the time is up, and goes on with the same thread', () => {
  const [a, b]: Thread[] = [{ left: 3 }, { left: 2 }];
  const round = new TrimRound(new Set([a, b].filter((thread) => thread !== undefined)), trim);
  const left = (): (number | undefined)[] => [a?.left, b?.left];
  expect([round.run(() => true), ...left()]).toEqual([false, 2, 2]);
  expect([round.run(() => true), ...left()]).toEqual([false, 1, 2]);
  expect([round.run(() => false), ...left()]).toEqual([true, 0, 0]);
});

it('looks at ten thousand threads in one round, and at the time after each sixteenth', () => {
  const threads = new Map(Array.from({ length: 12_000 }, (_, i) => [i, { left: 1 }]));
  const round = new TrimRound(threads, trim);
  let looks = 0;
  const count = (): boolean => {
    looks++;
    return false;
  };
  const trimmed = (): number => [...threads.values()].filter(({ left }) => left === 0).length;
  expect([round.run(count), trimmed(), looks]).toEqual([true, 10_000, 624]);
  expect([round.run(count), trimmed()]).toEqual([true, 12_000]);
});
