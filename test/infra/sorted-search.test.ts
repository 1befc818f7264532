import { array, assert, integer, property } from 'fast-check';
import { expect, it } from 'vitest';
import { countUpTo } from '../../src/infra/sorted-search.ts';

it('counts as a filter does (property)', () => {
  const numbers = array(integer({ min: -5, max: 20 })).map((list) => list.toSorted((a, b) => a - b));
  assert(
    property(numbers, integer({ min: -6, max: 21 }), (list, value) => {
      expect(countUpTo(list, value)).toBe(list.filter((each) => each <= value).length);
    }),
  );
});
