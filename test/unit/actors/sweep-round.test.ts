import { expect, it } from 'vitest';
import { SweepRound } from '../../../src/actors/sweep-round.ts';

const LATE_MS = 500;

/** Forty connections of which each takes a millisecond, in slices of sixteen; whether each was looked at fairly, by slice. */
function play(pauseMs: number): boolean[][] {
  let now = 1_000;
  const slices: boolean[][] = [];
  const connection = {
    sweep(_: number, isFair: boolean): void {
      now++;
      slices.at(-1)?.push(isFair);
    },
  };
  const round = new SweepRound(
    () => Array.from({ length: 40 }, () => connection),
    () => now,
    LATE_MS,
  );
  round.begin(true);
  for (let isDone = false; !isDone; now += pauseMs) {
    slices.push([]);
    isDone = round.run(now);
  }
  return slices;
}

it('looks at every connection once, a slice after the other', () => {
  const slices = play(0);
  expect(slices.map(({ length }) => length)).toEqual([16, 16, 8]);
  expect(slices.flat()).not.toContain(false);
});

it('judges nobody in a slice that comes late: the event loop was blocked, and so were the answers', () => {
  const slices = play(LATE_MS + 1);
  expect(slices.map((fair) => new Set(fair))).toEqual([new Set([true]), new Set([false]), new Set([false])]);
});
