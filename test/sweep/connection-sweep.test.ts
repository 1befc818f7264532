import { expect, it } from 'vitest';
import { ConnectionSweep } from '../../src/actors/sweep/connection-sweep.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const ROUND_MS = 500;

/** Connections that are all looked at: the time that the event loop lost, for each in its batch. */
function crowdOf(size: number) {
  const clock = new VirtualClock(1_000);
  const batches: { at: number; lost: number[] }[] = [];
  const present = Array.from({ length: size }, () => ({
    sweep: (_: number, lostMs: number): void => void batches.at(-1)?.lost.push(lostMs),
    onBroken: () => {},
  }));
  const round = new ConnectionSweep({ present, size }, clock, ROUND_MS, (task) => {
    batches.push({ at: clock.now(), lost: [] });
    task.run(Infinity);
  });
  return { clock, batches, round };
}

it('looks at every connection once, in batches with pauses, and is through in its time', async () => {
  for (const size of [1, 64, 65, 1_000, 9_999]) {
    const { clock, batches, round } = crowdOf(size);
    round.begin(0);
    await clock.advance(ROUND_MS + 5);
    expect(batches.flatMap(({ lost }) => lost)).toEqual(Array.from({ length: size }, () => 0));
    expect(Math.max(...batches.map(({ lost }) => lost.length))).toBeLessThanOrEqual(100);
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
  round.begin(0);
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
  round.begin(0);
  await clock.freeze(ROUND_MS + 6);
  expect(batches.map(({ lost }) => new Set(lost))).toEqual([new Set([0]), new Set([ROUND_MS + 6])]);
});

it('leaves no timer when it is stopped in the middle', () => {
  const { clock, round } = crowdOf(100);
  round.begin(0);
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
