import { afterEach, expect, it } from 'vitest';
import { memoryLog, type DeliveryLog, type Entry } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
});

function start(): { log: DeliveryLog; entries: (after?: number) => Promise<readonly Entry[]> } {
  const clock = new VirtualClock();
  const log = memoryLog({ clock });
  harness = makeHarness({ clock, log });
  return { log, entries: async (after = 0) => log.readAfter('t', after, 100) };
}

it('an entry lets go of its tally when the fan-out is over and nobody is behind', async () => {
  const { log, entries } = start();
  const { connection } = harness.connect();
  await connection.join('t');
  const awaited: unknown[] = [];
  await log.subscribe('t', (entry) => awaited.push(entry.tally?.isAwaited));
  await harness.run(harness.hub.thread('t').send('one'));
  expect(awaited).toEqual([true]);
  const [entry] = await entries();
  expect([entry?.isOffered, entry?.tally]).toEqual([true, undefined]);
});

it('for a member that is behind, it keeps what says how it went, without the list of those who are behind', async () => {
  const { entries } = start();
  const { link, connection } = harness.connect();
  await connection.join('t');
  link.stall();
  await harness.run(harness.hub.thread('t').send('x'.repeat(2_000_000)));
  const receipt = await harness.run(harness.hub.thread('t').send('two'));
  expect(receipt).toMatchObject({ recipients: 1, written: 0, behind: 1 });
  const [entry] = await entries(1);
  expect([entry?.isOffered, entry?.tally?.isAwaited]).toEqual([true, false]);
  link.resume();
  await harness.clock.advance(1_000);
  // asked after it has been written
  const { outcomes } = await harness.run(receipt.settled());
  expect(outcomes.get(connection.id)).toBe('acked');
});

it('a message that the log refuses holds nothing back: what comes after it is offered and may be trimmed', async () => {
  const clock = new VirtualClock();
  const log = memoryLog({ clock, maxEntries: 2 });
  const failing: DeliveryLog = {
    ...log,
    sweep: (isOver) => log.sweep(isOver),
    subscribe: (...args) => log.subscribe(...args),
    readAfter: (...args) => log.readAfter(...args),
    readBefore: (...args) => log.readBefore(...args),
    position: (threadId) => log.position(threadId),
    close: () => log.close(),
    append: async (draft) => {
      const appended = await log.append(draft);
      // it is in the log, but the answer is lost
      if (draft.id === 'lost') throw new Error('no answer');
      return appended;
    },
  };
  harness = makeHarness({ clock, log: failing });
  const { connection } = harness.connect();
  await connection.join('t');
  const thread = harness.hub.thread('t');
  await expect(harness.run(thread.send('lost', { idempotencyKey: 'lost' }))).rejects.toThrow('no answer');
  for (let i = 0; i < 5; i++) await harness.run(thread.send(i));
  await harness.clock.advance(10_000);
  expect((await log.readAfter('t', 0, 100)).map(({ offset }) => offset)).toEqual([5, 6]);
});
