import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffDelay, laterDelay } from '../../src/client/backoff.ts';
import { trials } from '../support/tier.ts';

const policy = { minMs: 500, maxMs: 20_000 };

test('the ceiling doubles up to the longest wait', () => {
  const ceilings = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffDelay(policy, attempt, () => 1));
  expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
});

test('every wait is from the shortest to the longest, whatever the attempt', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), unit, (attempt, random) => {
      const delay = backoffDelay(policy, attempt, () => random);
      expect(delay).toBeGreaterThanOrEqual(500);
      expect(delay).toBeLessThanOrEqual(20_000);
    }),
    trials(),
  );
});

test('later is at least half of the longest wait', () => {
  expect([laterDelay(policy, () => 0), laterDelay(policy, () => 1)]).toEqual([10_000, 20_000]);
});
