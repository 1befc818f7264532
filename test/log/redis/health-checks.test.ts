import { expect, it } from 'vitest';
import { HealthChecks } from '../../../src/infra/log/redis/health-checks.ts';
import { layoutKeys } from '../../../src/infra/log/redis/layout.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

const THREADS = 60_000;

/** Checks of that many threads; the commands wait for their answers. */
function bench() {
  const commands: { readonly keys: readonly string[]; answer(): void }[] = [];
  const session = {
    run: (_script: unknown, keys: readonly string[]): Promise<unknown> => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      commands.push({ keys, answer: () => resolve(keys.flatMap(() => ['e', 0, ''])) });
      return promise;
    },
  };
  const tail = { isAt: () => true, catchUp: () => Promise.resolve() };
  const threads = new Map(Array.from({ length: THREADS }, (_, i) => [`t${i}`, { threadId: `t${i}`, tail }]));
  const checked: string[] = [];
  const values = {
    isWatched: (threadId: string) => threadId.endsWith('7'),
    check: async (threadId: string) => void checked.push(threadId),
  };
  const limits = ['1', '2', '3', '4', '5'];
  const settings = { clock: new VirtualClock(), keys: layoutKeys('p'), redisNow: () => '', limitsOf: () => limits };
  const presence = { renew: () => {}, renewOld: () => {} };
  return { checks: new HealthChecks(threads, session, settings, presence, values), commands, checked };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('the comparisons of a tick are one command after the other: what others ask Redis for comes between', async () => {
  const { checks, commands } = bench();
  checks.tick({ publishCommand: 'PUBLISH' });
  const lengths: number[] = [];
  for (let n = 1; n <= 4; n++) {
    expect(commands.length).toBe(n);
    lengths.push(commands[n - 1]?.keys.length ?? 0);
    commands[n - 1]?.answer();
    await settled();
  }
  expect(lengths).toEqual([64, 64, 64, 64]);
  expect(commands.length).toBe(4);
});

it('in a cluster each has a command of its own, and none waits for another shard', () => {
  const { checks, commands } = bench();
  checks.tick({ publishCommand: 'SPUBLISH' });
  expect(commands.map(({ keys }) => keys.length)).toEqual(Array.from({ length: 10 }, () => 1));
});

it('only values that are watched are checked', () => {
  const { checks, checked } = bench();
  checks.tick({ publishCommand: 'PUBLISH' });
  expect(checked.length).toBeGreaterThan(20);
  expect(checked.every((threadId) => threadId.endsWith('7'))).toBe(true);
});
