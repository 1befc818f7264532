import { expect, it } from 'vitest';
import { RelayStore } from '../chaos/relay-store.ts';
import { playScenario } from '../chaos/scenario.ts';

it('two workers and their primary, killed, cut and frozen under load: nothing twice, nothing missing but what died with the primary', async () => {
  const outcome = await playScenario(() => RelayStore.start(), {
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
  // it was under load, it did hurt, and only the death of the primary lost anything: an epoch, for each client in each thread
  expect(outcome.published).toBeGreaterThan(100);
  expect(outcome.retries).toBeGreaterThan(0);
  expect(outcome.streams).toBeGreaterThan(0);
  expect(outcome.lost).toBeGreaterThan(0);
  expect(outcome.gaps).toEqual({ epoch: 12 * 3 });
}, 240_000);
