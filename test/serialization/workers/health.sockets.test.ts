import { expect, test } from 'vitest';
import { manualClock } from './fixtures/manual-clock.ts';
import { failureOf, recipe, sharedWords, testPool } from './fixtures/support.ts';

test('three lost workers in a row are a failing pool, one success a good one', async () => {
  const health: boolean[] = [];
  const clock = manualClock();
  const pool = testPool({ clock, timeoutMs: 5_000, onHealth: (ok) => health.push(ok) });
  await failureOf(pool.run(recipe('exits')));
  await failureOf(pool.run(recipe('crashes')));
  expect(health).toEqual([]);
  const { shared, started } = sharedWords();
  const overrun = failureOf(pool.run(recipe('spins', { shared })));
  await started;
  clock.advance(5_000);
  await overrun;
  expect(health).toEqual([false]);
  await failureOf(pool.run(recipe('exits')));
  expect(health).toEqual([false]);
  await pool.run(recipe('default'));
  await pool.run(recipe('default'));
  expect(health).toEqual([false, true]);
});

test('a recipe that throws and one that is cancelled say nothing about the pool', async () => {
  const health: boolean[] = [];
  const pool = testPool({ onHealth: (ok) => health.push(ok) });
  for (const name of ['throws', 'bigint', 'missing', 'throws']) await failureOf(pool.run(recipe(name)));
  for (let n = 0; n < 4; n++) {
    const caller = new AbortController();
    const { shared, started } = sharedWords();
    const cancelled = failureOf(pool.run(recipe('spins', { shared }), { signal: caller.signal }));
    await started;
    caller.abort();
    await cancelled;
  }
  expect(health).toEqual([]);
});

test('a success between lost workers starts the count anew', async () => {
  const health: boolean[] = [];
  const pool = testPool({ onHealth: (ok) => health.push(ok) });
  for (const name of ['exits', 'exits', 'default', 'exits', 'exits'])
    await Promise.allSettled([pool.run(recipe(name))]);
  expect(health).toEqual([]);
});
