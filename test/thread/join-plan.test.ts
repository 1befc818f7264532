import { expect, it } from 'vitest';
import { planJoin } from '../../src/actors/thread/join-plan.ts';
import { LogBuffer } from '../../src/infra/log/log-buffer.ts';
import { draft } from '../support/redis-nodes.ts';

const RETENTION = { maxEntries: 2, maxBytes: 1_000_000, maxAgeMs: 1_000_000 };

/** A log that has had these messages, and holds the newest two. */
function held(...ids: string[]): LogBuffer {
  const buffer = new LogBuffer('e', RETENTION, 0);
  for (const id of ids) buffer.append(draft(id), 0);
  return buffer;
}

it('a client whose last message has just been trimmed misses nothing', () => {
  expect(planJoin(held('a', 'b', 'c'), 'e.1.a')).toMatchObject({ start: { offset: 1 }, recovered: 2, gap: undefined });
});

it('one whose last message is of a lost history is told, also where the other entry there has been trimmed', () => {
  expect(planJoin(held('a', 'b', 'c'), 'e.1.lost')).toMatchObject({ recovered: 0, gap: 'fork' });
});

it('the entry before the oldest is known after a rewind and a restart, and not after older ones were read', () => {
  const buffer = held('a', 'b', 'c');
  buffer.rewind(1);
  expect(buffer.position).toEqual({ epoch: 'e', offset: 1, id: 'a' });
  buffer.restart({ epoch: 'e', offset: 7, id: 'g' }, 0);
  expect(buffer.idBefore).toBe('g');
  buffer.append(draft('h'), 0);
  buffer.prepend([{ draft: draft('g'), offset: 7, loggedAt: 0 }]);
  expect([buffer.first, buffer.idBefore]).toEqual([7, '']);
});
