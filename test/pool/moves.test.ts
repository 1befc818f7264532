import { expect, it } from 'vitest';
import { trials } from '../support/tier.ts';
import { PoolWorld } from './pool-world.ts';

const { numRuns, seed } = trials(30);

it(`any sequence of lost connections and hubs gives each thread's reader each message once, in order, or an explicit gap; seed ${seed}`, async () => {
  const seen = new Map<string, number>();
  for (let run = 0; run < numRuns; run++) {
    const world = new PoolWorld(seed * 10_000 + run);
    await world.run(60);
    expect({ run, violations: world.ledger.violations }).toEqual({ run, violations: [] });
    for (const [event, times] of world.ledger.seen) seen.set(event, (seen.get(event) ?? 0) + times);
  }
  // it has met what it is about
  const expected = [
    'open.settled',
    'retrying',
    'tripped.coolingDown',
    'tripped.probing',
    'evicted',
    'ahead',
    'published',
    'gap trimmed',
  ];
  expect(expected.filter((event) => !seen.has(event))).toEqual([]);
});
