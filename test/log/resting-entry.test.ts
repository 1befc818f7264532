import { expect, it } from 'vitest';
import { makeEntry } from '../../src/infra/log/entry.ts';
import { LogBuffer } from '../../src/infra/log/log-buffer.ts';
import { ownBytes, SharedBody } from '../../src/infra/log/shared-body.ts';
import type { EntryDraft } from '../../src/api/entry.ts';

const draft = (id: string, text = '{"a":1}'): EntryDraft => ({
  threadId: 't',
  id,
  lane: 'normal',
  body: new SharedBody([ownBytes(text)]),
  expiresAt: Infinity,
});

const RETENTION = { maxEntries: 1_000, maxBytes: 1e9, maxAgeMs: 1e9 };

it('an entry whose fan-out is over makes its frame again from the same bytes', () => {
  const entry = makeEntry(draft('m1'), 1, 0, 5);
  const before = entry.frame('json');
  entry.rest?.();
  const after = entry.frame('json');
  expect(after).not.toBe(before);
  // the key by which a sender knows that connections get the same bytes
  expect(after.pieces[0]?.[0]).toBe(before.pieces[0]?.[0]);
  expect(after).toEqual(before);
  expect(entry.frame('json')).toBe(after);
});

it('another format after that leaves the body where it is', () => {
  const entry = makeEntry(draft('m1', `{"a":"${'x'.repeat(500)}"}`), 1, 0, 5);
  const [[bytes] = []] = entry.frame('json').pieces;
  entry.rest?.();
  expect(entry.frame('plain').pieces.flat().length).toBeGreaterThan(1);
  expect(entry.body.chunks[0]?.buffer).toBe(bytes?.buffer);
});

it('an entry without a frame, and one that is released, rest as well', () => {
  const entry = makeEntry(draft('m1'), 1, 0, 5);
  entry.rest?.();
  expect(entry.frame('json').bytes).toBeGreaterThan(7);
  entry.rest?.();
  entry.release();
  entry.rest?.();
  expect(entry.body.isAlive).toBe(false);
});

it.each([3, 16, 17, 40])('each of %d entries is found by its id, also after others were dropped', (count) => {
  const buffer = new LogBuffer('e', { ...RETENTION, maxEntries: count }, 0);
  const ids = Array.from({ length: count + 2 }, (_, i) => `m${i}`);
  for (const id of ids) buffer.append(draft(id), 0);
  expect(ids.map((id) => buffer.byId(id)?.id)).toEqual([undefined, undefined, ...ids.slice(2)]);
  buffer.rewind(count);
  expect(buffer.byId(`m${count + 1}`)).toBeUndefined();
  expect(buffer.byId(`m${count - 1}`)?.offset).toBe(count);
  buffer.clear();
  expect(buffer.byId(`m${count - 1}`)).toBeUndefined();
});

it('an id that came again after its time is that of the newest entry', () => {
  const buffer = new LogBuffer('e', RETENTION, 0);
  for (const id of ['a', 'b', 'a']) buffer.append(draft(id), 0);
  expect(buffer.byId('a')?.offset).toBe(3);
});
