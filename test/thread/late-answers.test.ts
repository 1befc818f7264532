import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  memoryLog,
  type Appended,
  type DeliveryLog,
  type EntryDraft,
  type MaybePromise,
  type Receipt,
} from '../../src/index.ts';
import { makeEntry, releaseDraft } from '../../src/infra/log/entry.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';

/** As a log elsewhere: an entry comes before its append is answered, and is let go of when there is a newer one. */
class LateLog implements DeliveryLog {
  /** Appends go to a place that the log has let go of already. */
  isAhead = false;
  readonly #log: DeliveryLog;
  #answers: (() => void)[] = [];

  constructor(log: DeliveryLog) {
    this.#log = log;
  }

  append(draft: EntryDraft): Promise<Appended> {
    const appended = this.isAhead ? this.#miss(draft) : this.#log.append(draft);
    return new Promise((resolve) => void this.#answers.push(() => resolve(appended)));
  }

  answer(): void {
    for (const resolve of this.#answers.splice(0)) resolve();
  }

  readAfter(...args: Parameters<DeliveryLog['readAfter']>): ReturnType<DeliveryLog['readAfter']> {
    return this.#log.readAfter(...args);
  }

  readBefore(...args: Parameters<DeliveryLog['readBefore']>): ReturnType<DeliveryLog['readBefore']> {
    return this.#log.readBefore(...args);
  }

  position(threadId: string): ReturnType<DeliveryLog['position']> {
    return this.#log.position(threadId);
  }

  subscribe(...args: Parameters<DeliveryLog['subscribe']>): ReturnType<DeliveryLog['subscribe']> {
    return this.#log.subscribe(...args);
  }

  sweep(): void {
    this.#log.sweep();
  }

  close(): MaybePromise<void> {
    return this.#log.close();
  }

  #miss(draft: EntryDraft): Appended {
    const entry = makeEntry(draft, 1, 0);
    releaseDraft(draft);
    return { entry, isDuplicate: false };
  }
}

let log: LateLog;
let harness: Harness;

beforeEach(() => {
  const clock = new VirtualClock();
  log = new LateLog(memoryLog({ clock, maxEntries: 1 }));
  harness = makeHarness({ clock, log });
});

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.close();
});

async function sendAnswered(message: unknown): Promise<Receipt> {
  const sent = harness.hub.thread('t').send(message);
  await harness.clock.settle();
  log.answer();
  return harness.run(sent);
}

it('what the log has not answered yet is kept for members that are behind, so that their outcome is known', async () => {
  const { hub, clock, connect } = harness;
  const [fast, slow] = [connect(), connect()];
  for (const { connection } of [fast, slow]) await connection.join('t');
  slow.link.stall();
  const sends: Promise<Receipt>[] = [];
  for (const message of ['x'.repeat(600_000), 1, 2]) {
    sends.push(hub.thread('t').send(message));
    await clock.settle();
  }
  slow.link.resume();
  await clock.settle();
  expect(dataOf(slow.link).slice(1)).toEqual([1, 2]);
  expect(framesOf(slow.link, 'gap')).toEqual([]);
  log.answer();
  await clock.settle();
  for (const receipt of await Promise.all(sends)) {
    expect(receipt).toMatchObject({ recipients: 2, written: 2, dropped: 0 });
    const { outcomes } = await harness.run(receipt.settled());
    expect([...outcomes.values()]).toEqual(['written', 'written']);
  }
  expect((await hub.thread('t').history()).messages).toHaveLength(3);
  // what has been offered is let go of
  await sendAnswered(3);
  await sendAnswered(4);
  expect((await hub.thread('t').history()).messages).toHaveLength(1);
});

it('a message that the log had lost before it could be offered is dropped for all members, and not written', async () => {
  const { connect } = harness;
  const members = [connect(), connect()];
  for (const { connection } of members) await connection.join('t');
  await sendAnswered(1);
  log.isAhead = true;
  const receipt = await sendAnswered(2);
  expect(receipt).toMatchObject({ recipients: 2, written: 0, behind: 0, dropped: 2 });
  const settlement = await harness.run(receipt.settled());
  expect(settlement).toMatchObject({ written: 0, dropped: 2, evicted: 0, behind: 0 });
  expect(settlement.outcomes.size).toBe(0);
  for (const { link } of members) expect(dataOf(link)).toEqual([1]);
});
