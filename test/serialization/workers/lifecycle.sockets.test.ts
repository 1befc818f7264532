import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { HubClosedError } from '../../../src/infra/errors.ts';
import { failureOf, recipe, sharedWords, testPool, textOf } from './fixtures/support.ts';

const workerHandles = () => process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length;

test('no thread before the first recipe', async () => {
  const pool = testPool();
  expect(pool.stats).toEqual({ queued: 0, running: 0, threads: 0, completed: 0, failed: 0, timedOut: 0 });
  await pool.run(recipe('default'));
  expect(pool.stats).toEqual({ queued: 0, running: 0, threads: 1, completed: 1, failed: 0, timedOut: 0 });
});

test('an idle thread goes away, and comes back for the next recipe', async () => {
  const pool = testPool({ idleTimeoutMs: 1 });
  const first = textOf(await pool.run(recipe('whichThread')));
  await expect.poll(() => pool.stats.threads).toBe(0);
  expect(textOf(await pool.run(recipe('whichThread')))).not.toBe(first);
});

test('close ends all threads and gives up what is under way, saying so', async () => {
  const before = workerHandles();
  const pool = testPool({ workers: 1 });
  const done = pool.run(recipe('default', 1));
  await done;
  const { shared, started } = sharedWords();
  const running = failureOf(pool.run(recipe('spins', { shared })));
  const queued = failureOf(pool.run(recipe('default')));
  await started;
  await pool.close();
  for (const failure of [await running, await queued, await failureOf(pool.run(recipe('default')))]) {
    expect(failure).toBeInstanceOf(HubClosedError);
    expect(failure).toHaveProperty('message', expect.stringContaining('hub is stopped'));
  }
  expect(textOf(await done)).toBe('{"hello":1}');
  expect(pool.stats).toMatchObject({ threads: 0, running: 0, queued: 0, completed: 1, failed: 2 });
  expect(workerHandles()).toBe(before);
});

test('close waits for a thread that was being stopped already', async () => {
  const pool = testPool();
  const { shared, started } = sharedWords();
  const caller = new AbortController();
  const cancelled = failureOf(pool.run(recipe('spins', { shared }), { signal: caller.signal }));
  await started;
  caller.abort();
  await pool.close();
  await cancelled;
  expect(pool.stats.threads).toBe(0);
});

test('close while a thread starts', async () => {
  const pool = testPool();
  const starting = failureOf(pool.run(recipe('default')));
  await pool.close();
  expect(await starting).toBeInstanceOf(HubClosedError);
  expect(pool.stats).toMatchObject({ threads: 0, running: 0 });
});

test('close can be called again, at once or later, and on a pool that was never used', async () => {
  const pool = testPool();
  await Promise.all([pool.close(), pool.close()]);
  await pool.close();
  await pool.drain();
  expect(pool.stats.threads).toBe(0);
});

test('drain waits for what is under way', async () => {
  const pool = testPool({ workers: 1 });
  const ended: string[] = [];
  const runs = [recipe('later', 1), recipe('throws'), recipe('later', 2)].map((each) =>
    pool.run(each).then(
      () => ended.push('built'),
      () => ended.push('failed'),
    ),
  );
  await pool.drain();
  expect(pool.stats).toMatchObject({ queued: 0, running: 0, completed: 2, failed: 1 });
  await Promise.all(runs);
  expect(ended).toEqual(['built', 'failed', 'built']);
});

test.each([
  ['close', { bytes: 19, threads: 0, left: [] }],
  ['idle', { bytes: 19 }],
])('the process ends by itself: %s', async (way, expected) => {
  const script = new URL('./fixtures/ends-by-itself.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script, way], { timeout: 500_000 });
  expect(JSON.parse(stdout)).toMatchObject(expected);
});
