import { expect, it } from 'vitest';
import { ConnectionSweep } from '../../src/actors/sweep/connection-sweep.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const ROUND_MS = 500;

/** Connections that are all looked at; how many in each batch, and whether fairly. */
function crowdOf(size: number) {
  const clock = new VirtualClock(1_000);
  const batches: { at: number; fair: boolean[] }[] = [];
  const present = Array.from({ length: size }, () => ({
    sweep: (_: number, isFair: boolean): void => void batches.at(-1)?.fair.push(isFair),
    onBroken: () => {},
  }));
  const round = new ConnectionSweep({ present, size }, clock, ROUND_MS, (task) => {
    batches.push({ at: clock.now(), fair: [] });
    task.run(Infinity);
  });
  return { clock, batches, round };
}

it('looks at every connection once, in batches with pauses, and is through in its time', async () => {
  for (const size of [1, 64, 65, 1_000, 9_999]) {
    const { clock, batches, round } = crowdOf(size);
    round.begin(true);
    await clock.advance(ROUND_MS + 5);
    expect(batches.flatMap(({ fair }) => fair)).toEqual(Array.from({ length: size }, () => true));
    expect(Math.max(...batches.map(({ fair }) => fair.length))).toBeLessThanOrEqual(100);
    expect(clock.pending).toBe(0);
  }
});

it('goes on where its slice ended', () => {
  let now = 0;
  const seen: number[] = [];
  const present = Array.from({ length: 40 }, (_, i) => ({
    sweep: () => void seen.push((now++, i)),
    onBroken: () => {},
  }));
  const clock = new VirtualClock();
  const round = new ConnectionSweep({ present, size: 40 }, { ...plain(clock), now: () => now }, ROUND_MS, () => {});
  round.begin(true);
  const slices: number[] = [];
  for (let isDone = false; !isDone;) {
    isDone = round.run(now);
    slices.push(seen.length);
  }
  expect(slices).toEqual([16, 32, 40]);
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
});

it('judges nobody in a batch that comes late: the event loop was blocked, and so were the answers', async () => {
  const { clock, batches, round } = crowdOf(100);
  round.begin(true);
  await clock.freeze(ROUND_MS + 6);
  expect(batches.map(({ fair }) => new Set(fair))).toEqual([new Set([true]), new Set([false])]);
});

it('leaves no timer when it is stopped in the middle', () => {
  const { clock, round } = crowdOf(100);
  round.begin(true);
  expect(clock.pending).toBe(1);
  round.stop();
  expect(clock.pending).toBe(0);
});

function plain(clock: VirtualClock) {
  return {
    setTimeout: (callback: () => void, delayMs: number) => clock.setTimeout(callback, delayMs),
    clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    nextTurn: (callback: () => void) => clock.nextTurn(callback),
  };
}
