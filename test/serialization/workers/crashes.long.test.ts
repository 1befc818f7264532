import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { InvalidOptionError, SerializationTimeoutError, WorkerFailedError } from '../../../src/infra/errors.ts';
import { manualClock } from './fixtures/manual-clock.ts';
import { failureOf, recipe, sharedWords, testPool, textOf } from './fixtures/support.ts';

test.each([
  ['exits', 'worker exited with code: 3'],
  ['crashes', 'nobody catches this'],
])('a recipe that %s fails alone; what waits behind it is built', async (name, reason) => {
  const pool = testPool({ workers: 1 });
  const outcomes = await Promise.allSettled([
    pool.run(recipe('default', 1)),
    pool.run(recipe(name)),
    pool.run(recipe('default', 2)),
    pool.run(recipe('default', 3)),
  ]);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  const failure = await failureOf(pool.run(recipe(name)));
  expect(failure).toBeInstanceOf(WorkerFailedError);
  expect(failure).toHaveProperty('reason', expect.stringContaining(reason));
  expect(pool.stats).toMatchObject({ completed: 3, failed: 2, queued: 0 });
});

test('a crash leaves the recipe in the other worker alone', async () => {
  const pool = testPool({ workers: 2 });
  const { shared, words, started } = sharedWords();
  const bystander = pool.run(recipe('held', { shared }));
  await started;
  await expect(pool.run(recipe('exits'))).rejects.toThrow(WorkerFailedError);
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  expect(textOf(await bystander)).toBe('"released"');
});

test('a worker that runs out of memory takes neither the process nor the pool with it', async () => {
  const pool = testPool({ maxOldGenerationSizeMb: 48 });
  const failure = await failureOf(pool.run(recipe('exhaustsMemory')));
  expect(failure).toBeInstanceOf(WorkerFailedError);
  expect(failure).toMatchObject({
    reason: 'its worker ran out of memory',
    cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
  });
  expect(textOf(await pool.run(recipe('default', 1)))).toBe('{"hello":1}');
});

test('a heap in which no worker can start is refused, as it would end the process', () => {
  expect(() => testPool({ maxOldGenerationSizeMb: 2 })).toThrow(InvalidOptionError);
});

test.each([
  ['exits', 'process.exit(9)'],
  ['throws', 'throw new Error("preload broken")'],
])('a thread that %s while it starts fails its recipe at once, not at the deadline', async (_, statement) => {
  const preload = `data:text/javascript,import { isMainThread } from 'node:worker_threads'; if (!isMainThread) ${statement}`;
  const script = new URL('./fixtures/cannot-start.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', preload, script], { timeout: 500_000 });
  expect(JSON.parse(stdout)).toEqual({
    reasons: Array.from({ length: 3 }, () => expect.stringContaining('its worker died')),
    health: [false],
    stats: { queued: 0, running: 0, threads: 0, completed: 0, failed: 3, timedOut: 0 },
  });
});

test('a crash after the reply hits no recipe, and the next one gets a new thread', async () => {
  const pool = testPool();
  const { shared, started: crashed } = sharedWords();
  expect(textOf(await pool.run(recipe('crashesLater', { shared })))).toBe('"fine so far"');
  await crashed;
  await expect.poll(() => pool.stats.threads).toBe(0);
  expect(textOf(await pool.run(recipe('default', 1)))).toBe('{"hello":1}');
});

test.each(['spins', 'hangs'])('a recipe that %s is stopped at its deadline, and its worker replaced', async (name) => {
  const clock = manualClock();
  const pool = testPool({ workers: 1, timeoutMs: 5_000, clock });
  const { shared, words, started } = sharedWords();
  const failing = failureOf(pool.run(recipe(name, { shared })));
  await started;
  clock.advance(4_999);
  expect(pool.stats.timedOut).toBe(0);
  clock.advance(1);
  const failure = await failing;
  expect(failure).toBeInstanceOf(SerializationTimeoutError);
  expect(failure).toMatchObject({ timeoutMs: 5_000, strategy: 'pooled' });
  // The pool has one thread: that this recipe runs means that the old one is gone, and so its count stands still.
  const [, thread] = await Promise.all([pool.run(recipe('default', 1)), pool.run(recipe('whichThread'))]);
  const turns = Atomics.load(words, 1);
  expect(textOf(await pool.run(recipe('whichThread')))).toBe(textOf(thread));
  expect(Atomics.load(words, 1)).toBe(turns);
  expect(pool.stats).toMatchObject({ timedOut: 1, failed: 0, completed: 3, threads: 1 });
  expect(clock.pending).toBe(0);
});

test('the deadline counts the wait in the queue, and costs no worker there', async () => {
  const clock = manualClock();
  const pool = testPool({ workers: 1, timeoutMs: 5_000, clock });
  const { shared, words, started } = sharedWords();
  const running = pool.run(recipe('held', { shared }), { timeoutMs: Infinity });
  const waiting = failureOf(pool.run(recipe('default')));
  await started;
  clock.advance(5_000);
  expect(await waiting).toBeInstanceOf(SerializationTimeoutError);
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  expect(textOf(await running)).toBe('"released"');
});

test('a caller can give up, before, while it waits, and while it runs', async () => {
  const pool = testPool({ workers: 1 });
  await expect(pool.run(recipe('default'), { signal: AbortSignal.abort('too late') })).rejects.toBe('too late');
  expect(pool.stats.threads).toBe(0);
  const { shared, started } = sharedWords();
  const [run, wait] = [new AbortController(), new AbortController()];
  const running = failureOf(pool.run(recipe('spins', { shared }), { signal: run.signal }));
  const waiting = failureOf(pool.run(recipe('default', 1), { signal: wait.signal }));
  const behind = pool.run(recipe('default', 2));
  await started;
  wait.abort('left the queue');
  expect(await waiting).toBe('left the queue');
  run.abort('left the worker');
  expect(await running).toBe('left the worker');
  expect(textOf(await behind)).toBe('{"hello":2}');
});

test('a signal that aborts after the end changes nothing', async () => {
  const pool = testPool();
  const caller = new AbortController();
  const first = await pool.run(recipe('whichThread'), { signal: caller.signal });
  caller.abort();
  expect(textOf(await pool.run(recipe('whichThread')))).toBe(textOf(first));
  expect(pool.stats).toMatchObject({ completed: 2, failed: 0 });
});

test('where no further thread can be started, what runs and what comes fails at once, and the next one is tried anew', async () => {
  const script = new URL('./fixtures/no-thread-left.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 500_000 });
  expect(JSON.parse(stdout)).toEqual({
    reasons: [
      expect.stringMatching(/its worker died: no thread left/),
      expect.stringMatching(/no worker can be started: no thread left/),
    ],
    bytes: 1,
    stats: { queued: 0, running: 0, threads: 0, completed: 1, failed: 2, timedOut: 0 },
  });
});
