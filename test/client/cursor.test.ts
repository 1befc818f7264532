import { expect, test } from 'vitest';
import { DedupCursor } from '../../src/client/dedup-cursor.ts';

const at = (offset: number, id = '') => ({ epoch: 'e', offset, id });

test('takes nothing before it knows where the thread stands', () => {
  const cursor = new DedupCursor();
  expect(cursor.take({ id: 'a', offset: 1, ahead: false })).toBe(false);
  expect(cursor.position).toBeUndefined();
});

test('keeps no id of what the position has passed', () => {
  const cursor = new DedupCursor();
  cursor.moveTo(at(0));
  expect(cursor.take({ id: 'x', offset: 5, ahead: true })).toBe(true);
  expect(cursor.take({ id: 'y', offset: 6, ahead: false })).toBe(true);
  expect(cursor.take({ id: 'x', offset: 7, ahead: false })).toBe(true);
});

test('a gap forwards keeps what came ahead of it, a gap backwards does not', () => {
  for (const [to, isNew] of [
    [at(3), false],
    [at(1), true],
    [{ ...at(3), epoch: 'f' }, true],
  ] as const) {
    const cursor = new DedupCursor();
    cursor.moveTo(at(2));
    cursor.take({ id: 'x', offset: 5, ahead: true });
    cursor.moveTo(to);
    expect(cursor.take({ id: 'x', offset: 5, ahead: false })).toBe(isNew);
  }
});

test('knows a start that would leave something out', () => {
  const cursor = new DedupCursor();
  expect(cursor.isBefore(at(3))).toBe(false);
  cursor.moveTo(at(2, 'b'));
  expect([at(1), at(2, 'b'), at(3), { ...at(1), epoch: 'f' }].map((start) => cursor.isBefore(start))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});
