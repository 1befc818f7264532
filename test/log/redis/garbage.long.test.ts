import { expect, it } from 'vitest';
import { SliceScheduler } from '../../../src/actors/support/slice-scheduler.ts';
import { CallsInFlight } from '../../../src/infra/log/redis/calls-in-flight.ts';
import { CallsTogether } from '../../../src/infra/log/redis/calls-together.ts';
import { script } from '../../../src/infra/log/redis/scripts.ts';
import { systemClock } from '../../../src/infra/time/clock.ts';

const TIMES = 50_000;
const SCRIPT = script('return {}');

/** Bytes of dead objects that each time leaves in the old generation. */
async function leftBy(act: () => Promise<unknown>): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
  for (let i = 0; i < TIMES / 10; i++) await act();
  globalThis.gc();
  for (let i = 0; i < TIMES; i++) await act();
  // what is still young is no matter
  for (let i = 0; i < 2; i++) await globalThis.gc({ type: 'minor', execution: 'async' });
  const before = process.memoryUsage().heapUsed;
  globalThis.gc();
  return (before - process.memoryUsage().heapUsed) / TIMES;
}

const fail = (error: unknown): never => expect.fail(String(error));
const calls = new CallsInFlight(systemClock);
const together = new CallsTogether(async (_script, keys) => keys.map(() => ''));
const nextTurn = (callback: () => void): void => queueMicrotask(callback);
const scheduler = new SliceScheduler({ now: () => performance.now(), nextTurn }, 2, fail, () => {});

it.each([
  ['a call in flight', () => calls.start('', () => Promise.resolve(1), fail)],
  ['a call together with others', () => together.call(SCRIPT, [], ['k'], [])],
  ['a task of the scheduler', async () => scheduler.add({ run: () => true })],
] as const)('%s that is over leaves nothing that only a full collection frees', async (_name, act) => {
  expect(await leftBy(act)).toBeLessThan(15);
});
