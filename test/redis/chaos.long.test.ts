import { expect, it } from 'vitest';
import { RedisStore } from '../chaos/redis-store.ts';
import { playScenario } from '../chaos/scenario.ts';

it('two nodes and Redis, killed, cut, frozen and restored under load: nothing twice, nothing missing without a gap', async () => {
  const outcome = await playScenario(() => RedisStore.start(), {
    clients: 12,
    publishers: 3,
    threads: 3,
    streams: 1,
    deploys: false,
    paceMs: 10,
    quietMs: 700,
    troubleMs: 900,
    freezeMs: 1_500,
    timeoutMs: 1_200,
    say: () => {},
  });
  expect(outcome.wrong).toEqual([]);
  // it was under load, it did hurt, and only the restored snapshot lost anything
  expect(outcome.published).toBeGreaterThan(100);
  expect(outcome.retries).toBeGreaterThan(0);
  expect(outcome.streams).toBeGreaterThan(0);
  expect(outcome.lost).toBeGreaterThan(0);
  expect(Object.keys(outcome.gaps).filter((why) => why !== 'fork' && why !== 'ahead')).toEqual([]);
  // its own time limits say what hangs; this one only ends a test that does not end
}, 240_000);
