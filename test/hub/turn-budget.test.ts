import { expect, it } from 'vitest';
import { SliceScheduler, type Task } from '../../src/actors/support/slice-scheduler.ts';

const BUDGET_MS = 2;

/** A clock that the work moves, and turns that are made by hand. */
function bench() {
  const order: string[] = [];
  let [time, deferred]: [number, (() => void)[]] = [0, []];
  const clock = { now: () => time, nextTurn: (callback: () => void) => void deferred.push(callback) };
  const fail = (error: unknown): void => expect.unreachable(String(error));
  /** Never done; looks at the clock every eighth of a millisecond. */
  const endless = (name: string): Task => ({
    run(end) {
      order.push(name);
      do time += 0.125;
      while (time < end);
      return false;
    },
  });
  /** The milliseconds that a turn took. */
  const turn = (): number => {
    const begin = time;
    for (const callback of deferred.splice(0)) callback();
    return time - begin;
  };
  return { scheduler: new SliceScheduler(clock, BUDGET_MS, fail, () => {}), order, endless, turn };
}

it('encodings and all other work share one budget of a turn, half each where both wait', () => {
  const { scheduler, order, endless, turn } = bench();
  scheduler.addEncodings(endless('encode'));
  scheduler.start(endless('deliver'));
  turn();
  order.length = 0;
  for (let i = 0; i < 10; i++) expect(turn()).toBeCloseTo(BUDGET_MS);
  expect(order.slice(0, 4)).toStrictEqual(['deliver', 'encode', 'deliver', 'encode']);
  expect(scheduler.longestSliceMs).toBeCloseTo(BUDGET_MS);
});

it('a first slice has time left, also after a turn that encodings have used up', () => {
  const { scheduler, endless, turn } = bench();
  scheduler.addEncodings(endless('encode'));
  for (let i = 0; i < 3; i++) turn();
  expect(scheduler.leftMs).toBeCloseTo(BUDGET_MS / 4);
});

it('the time of encodings is in the longest slice', () => {
  const { scheduler, endless, turn } = bench();
  scheduler.addEncodings(endless('encode'));
  turn();
  expect(scheduler.longestSliceMs).toBeCloseTo(BUDGET_MS);
  scheduler.spend(5);
  expect(scheduler.longestSliceMs).toBe(5);
  expect(scheduler.leftMs).toBe(0);
});

it('work that nothing waits for takes a quarter of the budget of a turn, and comes after the rest', async () => {
  const { scheduler, order, endless, turn } = bench();
  scheduler.add({ ...endless('sweep'), isPatient: true });
  await Promise.resolve();
  for (let i = 0; i < 10; i++) expect(turn()).toBeCloseTo(BUDGET_MS / 4);
  scheduler.add(endless('deliver'));
  await Promise.resolve();
  turn();
  order.length = 0;
  for (let i = 0; i < 10; i++) expect(turn()).toBeCloseTo(BUDGET_MS);
  expect(order.slice(0, 4)).toStrictEqual(['deliver', 'sweep', 'deliver', 'sweep']);
});

it('what comes while work that nothing waits for is being done has its first slice without it', async () => {
  const { scheduler, order, endless, turn } = bench();
  scheduler.add({ ...endless('sweep'), isPatient: true });
  await Promise.resolve();
  expect(order).toStrictEqual(['sweep']);
  turn();
  order.length = 0;
  scheduler.add(endless('deliver'));
  await Promise.resolve();
  expect(order).toStrictEqual(['deliver']);
});
