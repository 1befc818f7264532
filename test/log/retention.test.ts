import { expect, it } from 'vitest';
import { InvalidOptionError, memoryLog } from '../../src/index.ts';
import { redisLog } from '../../src/redis/index.ts';

const JUNK: readonly { readonly retention: unknown }[] = [
  { 'a*b': {} },
  { '**': {} },
  { '': {} },
  { 'a*': { maxEntries: 0 } },
  { 'a*': { maxEntries: 1.5 } },
  { 'a*': { maxAgeMs: -1 } },
  { 'a*': { maxAgeMs: '1h' } },
  { 'a*': { maxBytes: 1 } },
  { 'a*': 5 },
  { 'a*': null },
  [],
  'a*',
].map((retention) => ({ retention }));

it.each(JUNK)('%j is refused by both logs', ({ retention }) => {
  for (const makeLog of [memoryLog, redisLog]) {
    expect(() => Reflect.apply(makeLog, undefined, [{ retention }]) as unknown).toThrow(InvalidOptionError);
  }
});
