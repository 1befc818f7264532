import { expect, it } from 'vitest';
import { audit, isExact, type Published } from '../../examples/demo/audit.ts';

const message = (offset: number): Published => ({ offset, id: `m${offset}`, digest: `d${offset}`, bytes: 10 });
const published = [1, 2, 3, 4].map(message);
const flawless = { received: 4, duplicates: 0, missing: 0, outOfOrder: 0, damaged: 0, bytes: 40 };

it('finds nothing in flawless books', () => {
  const verdict = audit(published, published);
  expect(verdict).toEqual(flawless);
  expect(isExact(verdict)).toBe(true);
});

it.each([
  ['a message twice', [1, 2, 2, 3, 4].map(message), { received: 5, duplicates: 1, bytes: 50 }],
  ['a message never', [1, 2, 4].map(message), { received: 3, missing: 1, bytes: 30 }],
  ['two messages in the wrong order', [1, 3, 2, 4].map(message), { outOfOrder: 1 }],
  ['other bytes', [1, 2, 3].map(message).concat({ ...message(4), digest: 'other' }), { damaged: 1 }],
  ['another id', [1, 2, 3].map(message).concat({ ...message(4), id: 'other' }), { damaged: 1 }],
  ['a message that nobody sent', [1, 2, 3, 4, 5].map(message), { received: 5, damaged: 1, bytes: 50 }],
  ['nothing at all', [], { received: 0, missing: 4, bytes: 0 }],
])('finds %s', (_, received, faults) => {
  const verdict = audit(published, received);
  expect(verdict).toEqual({ ...flawless, ...faults });
  expect(isExact(verdict)).toBe(false);
});
