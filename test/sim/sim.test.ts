import { expect, test } from 'vitest';
import { tier } from '../support/tier.ts';
import { draw } from './schedule.ts';
import { simulate, story } from './simulate.ts';

/** `SIM_SEED` runs one schedule; `SIM_SEEDS` that many, from `SIM_FROM`. */
const { SIM_SEED, SIM_SEEDS, SIM_FROM } = process.env;

/** The full tier has ten times as many, and none of those that `npm test` has. */
const USUAL = tier === 'full' ? { from: 5_000, seeds: 3_000 } : { from: 1, seeds: 300 };

/** Schedules that have found a defect, of the engine or of the simulator, and would not run in `npm test` otherwise. */
const FOUND = [5_299, 6_524, 6_641, 7_099, 7_417, 9_290];

/** What must have happened, at least once for each hundred schedules: a test of nothing cannot fail. */
const EVENTS = [
  'published',
  'sent',
  'duplicate',
  'left',
  'stream done',
  'ahead',
  'volatile',
  'edited',
  'replaced',
  'told of a removal',
  'gap trimmed',
  'gap epoch',
  'connection retrying.attempting',
  'connection tripped.probing',
  'connection evicted',
  'outcome acked',
  'cut',
  'silence',
  'crashNode',
  'freezeNode',
  'crashClient',
  'drain',
  'recipe TC_WORKER_FAILED',
  'serializer degraded',
  'compressed',
  'compression fails',
];

test('nodes, real clients, a log and a network with faults: exactly once and in order, or a gap; what is acked has arrived', async () => {
  const from = Number(SIM_SEED ?? SIM_FROM ?? USUAL.from);
  const seeds = SIM_SEED === undefined ? Number(SIM_SEEDS ?? USUAL.seeds) : 1;
  const seen = new Map<string, number>();
  let deliveries = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    const verdict = await simulate(draw(seed));
    deliveries += verdict.deliveries;
    for (const [event, times] of verdict.seen) seen.set(event, (seen.get(event) ?? 0) + times);
    if (verdict.violations.length > 0) throw new Error(await story(seed));
  }
  process.stdout.write(`${seeds} schedules, ${deliveries} deliveries checked\n`);
  if (SIM_SEED !== undefined) return;
  expect(EVENTS.filter((event) => (seen.get(event) ?? 0) < seeds / 100)).toEqual([]);
  expect(deliveries / seeds).toBeGreaterThan(50);
}, 1_800_000);

test('schedules that have found a defect', async () => {
  for (const seed of FOUND) {
    const { violations } = await simulate(draw(seed));
    expect(violations, `SIM_SEED=${seed} npx vitest run test/sim`).toEqual([]);
  }
}, 600_000);
