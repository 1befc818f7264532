import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cursorAfter, placeOfOffset, streamOffset } from '../../src/http/stream-offset.ts';
import { formatPosition } from '../../src/infra/log/ids.ts';

const text = (minLength: number, maxLength: number, extra: string[] = []): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'Z', '0', '9', '_', '-', ...extra), minLength, maxLength });

const position = fc.record({
  epoch: text(1, 64),
  offset: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  id: text(0, 128, ['.', ':']),
});

describe('an offset of Durable Streams', () => {
  it('is a position, both ways, in letters that a query may have', () => {
    fc.assert(
      fc.property(position, (one) => {
        const offset = streamOffset(formatPosition(one));
        expect(placeOfOffset(offset)).toBe(formatPosition(one));
        expect(offset).toMatch(/^[^,&=?/\s]{1,255}$/);
      }),
    );
  });

  it('sorts as the positions of a thread do', () => {
    fc.assert(
      fc.property(position, position, (one, other) => {
        fc.pre(one.offset < other.offset);
        expect(streamOffset(formatPosition(one)) < streamOffset(formatPosition(other))).toBe(true);
      }),
    );
  });

  it.each(['', '0', '-2', '0,1', '0 1', 'start', '1.a.b', '0000000000000001.a.b', '000000000000001.a.b/c', 'NOW'])(
    'is not %j',
    (junk) => expect(() => placeOfOffset(junk)).toThrow(/offset is -1, now/),
  );

  it('has the two words of the protocol', () => {
    expect([placeOfOffset('-1'), placeOfOffset(undefined), placeOfOffset('now')]).toEqual([
      'start',
      'start',
      undefined,
    ]);
  });
});

describe('a cursor', () => {
  const at = (interval: number): number => Date.UTC(2024, 9, 9) + interval * 20_000;

  it('counts intervals of twenty seconds', () => {
    expect(cursorAfter(undefined, at(1_000))).toBe('1000');
    expect(cursorAfter('999', at(1_000) + 19_999)).toBe('1000');
    expect(cursorAfter('junk', at(1_000))).toBe('1000');
  });

  it('is always after that of the client, by an hour at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 2_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (last, x) => {
          const next = Number(cursorAfter(String(last), at(1_000), () => x));
          expect(next).toBeGreaterThan(last);
          expect(next).toBeLessThanOrEqual(last + 180);
        },
      ),
    );
  });
});
