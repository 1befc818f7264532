import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { LruList } from '../../src/infra/log/lru-list.ts';
import { trials } from '../support/tier.ts';

const act = fc.record({ item: fc.nat({ max: 5 }), isUse: fc.boolean() });

it('is in the order of the last use, whatever is deleted', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const recency = new LruList<number>();
      const model = new Set<number>();
      for (const { item, isUse } of acts) {
        model.delete(item);
        if (isUse) {
          model.add(item);
          recency.use(item);
        } else recency.delete(item);
        expect([...recency]).toEqual([...model]);
      }
      for (const item of recency) recency.delete(item);
      expect([...recency]).toEqual([]);
    }),
    trials(),
  );
});
