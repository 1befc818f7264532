import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { tier } from '../support/tier.ts';
import { drainJobs, inMacrotask } from './drain-jobs.ts';
import { draw } from './draw.ts';
import { flagsFor, runAll } from './processes.ts';
import { simulate } from './simulate.ts';
import { report, tooSmall } from './tally.ts';

/** The full tier has others than `npm test`. */
const { from, seeds } = tier === 'full' ? { from: 5_001, seeds: 3_000 } : { from: 1, seeds: 2_000 };

/** What must have happened, at least once for each hundred schedules: a test of nothing cannot fail. */
const EVENTS = [
  'published',
  'sent',
  'duplicate',
  'to all',
  'left',
  'stream done',
  'chunks done',
  'chunks begun anew',
  'sent bytes',
  'published bytes',
  'closed by the server',
  'ahead',
  'volatile',
  'edited',
  'replaced',
  'told of a removal',
  'erase',
  'older',
  'value',
  'value gone',
  'client value',
  'session renewed',
  'token refused',
  'close of a user',
  'kick of a user',
  'gap trimmed',
  'gap epoch',
  'gap fork',
  'connection retrying.attempting',
  'connection tripped.probing',
  'connection evicted',
  'outcome acked',
  'outcome acked, of several nodes',
  'outcome evicted, of several nodes',
  'cut',
  'cutAfter',
  'cut inside a message',
  'latency',
  'silence',
  'crashNode',
  'freezeNode',
  'holdNode',
  'slowNode',
  'jumpClock',
  'crashClient',
  'drain',
  'loseLog',
  'restoreLog',
  'recipe TC_WORKER_FAILED',
  'serializer degraded',
  'compressed',
  'compression fails',
  'sse connection',
  'sse resume',
  'sse proxy',
  'sse post',
  'sse post: lost',
  'sse post: answer lost',
  'sse post: comes twice',
  'sse post: overtaken',
  'sse post: vanishes',
];

test('nodes, real clients, a log and a network with faults: exactly once and in order, or a gap; what is acked has arrived', async () => {
  const { tally, failure } = await runAll({ from, seeds, workers: availableParallelism() });
  process.stdout.write(`${report(tally)}\n`);
  expect(failure).toBe(undefined);
  expect(EVENTS.filter((event) => (tally.seen[event] ?? 0) < seeds / 100)).toEqual([]);
  expect(tooSmall(tally)).toEqual([]);
}, 1_800_000);

test('the jobs of promises run within one call, and those that they queue', async () => {
  const order: string[] = [];
  await inMacrotask(() => {
    void Promise.resolve()
      .then(() => order.push('job'))
      .then(() => order.push('its job'));
    process.nextTick(() => order.push('tick'));
    drainJobs();
    order.push('after');
  });
  expect(order.toSorted()).toEqual(['after', 'its job', 'job', 'tick']);
  expect(order.at(-1)).toBe('after');
});

test('a schedule is the same whenever it runs', async () => {
  const schedule = draw(7);
  const [first, second] = [await simulate(schedule), await simulate(schedule)];
  expect([...second.seen]).toEqual([...first.seen]);
  expect(second.deliveries).toBe(first.deliveries);
});

test('a run that was ended goes on where it was', async () => {
  const ending = new AbortController();
  const all = { from: 40, seeds: 4, workers: 1, share: 2 };
  const ended = await runAll({ ...all, onShare: () => ending.abort(), signal: ending.signal });
  expect(ended).toMatchObject({ next: 42, tally: { schedules: 2 }, failure: undefined });
  const whole = await runAll({ ...all, from: ended.next, seeds: 2, before: ended.tally });
  expect(whole).toMatchObject({ next: 44, tally: { schedules: 4, steps: 240 }, failure: undefined });
});

test('only processes that run for long compile with the best compiler of V8', () => {
  expect(flagsFor(100)).toContain('--no-turbofan');
  expect(flagsFor(1_000)).not.toContain('--no-turbofan');
});
