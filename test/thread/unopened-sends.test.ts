import { afterEach, expect, it } from 'vitest';
import type { HubOptions, Receipt, Transition } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { dataOf, makeHarness, type Harness } from '../support/harness.ts';
import { unreadLog, type UnreadLog } from '../support/unread-log.ts';

let harness: Harness;
let shared: UnreadLog;
let transitions: Transition[];

afterEach(() => harness.close());

function start(delays: Parameters<typeof unreadLog>[1] = {}, options: HubOptions = {}): void {
  const clock = new VirtualClock();
  shared = unreadLog(clock, delays);
  harness = makeHarness({ clock, log: shared.log, ...options });
  transitions = [];
  harness.hub.on('transition', (transition) => {
    if (transition.machine === 'thread') transitions.push(transition);
  });
}

/** Lets the log take its time. */
async function after<T>(work: Promise<T>, ms = 100): Promise<T> {
  work.catch(() => {});
  await harness.clock.advance(ms);
  return work;
}

/** Takes several slices of the serializer. */
const BIG = { pad: Array.from({ length: 50_000 }, (_, i) => `line ${i}`) };

async function texts(threadId: string): Promise<unknown[]> {
  const { messages } = await after(harness.hub.thread(threadId).history());
  return messages.map(({ data }) => data);
}

it('sends, edits and removals open nothing in a process without members', async () => {
  start();
  const thread = harness.hub.thread('t');
  const first = await after(thread.send('one'));
  expect(first).toMatchObject({ isDuplicate: false, recipients: 0, written: 0, behind: 0 });
  expect(first.position).toBe(await thread.position());
  await after(thread.send('two', { replaces: first.id }));
  const last = await after(thread.send('three'));
  await after(thread.remove(last.id));
  await after(harness.hub.to(['t', 'u']).send('four'));
  expect(await texts('t')).toEqual(['two', 'four']);
  expect((await after(last.settled())).outcomes.size).toBe(0);
  expect([shared.opened, transitions, harness.hub.stats().threads]).toEqual([[], [], 0]);
  expect(harness.hub.stats().messagesPublished).toBe(6);
});

it('answers are those of an open thread: duplicates, unknown targets, bad options, messages that are no JSON', async () => {
  start();
  const thread = harness.hub.thread('t');
  const [first, again] = await after(Promise.all([1, 2].map((n) => thread.send(n, { idempotencyKey: 'k' }))));
  expect([first?.isDuplicate, again?.isDuplicate]).toEqual([false, true]);
  expect(again?.position).toBe(first?.position);
  await expect(after(thread.send(3, { replaces: 'nothing' }))).rejects.toMatchObject({ code: 'TC_UNKNOWN_MESSAGE' });
  await expect(after(thread.send(3, { conflate: '' }))).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
  });
  await expect(after(thread.send(() => {}))).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
  expect(await texts('t')).toEqual([1]);
  expect(shared.opened).toEqual([]);
});

it('a volatile message is told to the other processes without opening the thread', async () => {
  start();
  const receipt = await after(harness.hub.thread('t').send('now', { lane: 'volatile' }));
  expect(receipt).toMatchObject({ position: undefined, recipients: 0 });
  expect(shared.notes).toHaveLength(1);
  expect(shared.opened).toEqual([]);
});

it('messages keep their order when the thread is opened between them', async () => {
  start({ openMs: 1 });
  const { hub, connect } = harness;
  const { link, connection } = connect();
  const big = hub.thread('t').send(BIG);
  const small = hub.thread('t').send('small');
  const joined = connection.join('t');
  const later = hub.thread('t').send('later');
  await after(Promise.all([big, small, joined, later]), 1_000);
  expect((await texts('t')).map((data) => (typeof data === 'string' ? data : 'big'))).toEqual([
    'big',
    'small',
    'later',
  ]);
  expect(dataOf(link).at(-1)).toBe('later');
});

it('a message sent right after a join waits for it, as in a thread that is open', async () => {
  start({ openMs: 50 });
  const { hub, connect } = harness;
  const { link, connection } = connect();
  const joined = connection.join('t');
  const sent = hub.thread('t').send('hello');
  await after(Promise.all([joined, sent]));
  expect(dataOf(link)).toEqual(['hello']);
  expect((await sent).recipients).toBe(1);
});

it('a member that joins while the message is on its way gets it once, and is in the receipt', async () => {
  start({ openMs: 1, appendMs: 20, answerMs: 20 });
  const { hub, connect } = harness;
  const { link, connection } = connect();
  const sent = hub.thread('t').send('hello');
  await after(connection.join('t'), 10);
  expect(dataOf(link)).toEqual([]);
  const receipt = await after(sent);
  expect(dataOf(link)).toEqual(['hello']);
  expect(receipt).toMatchObject({ recipients: 1, written: 1 });
  expect((await after(receipt.settled())).outcomes.get(connection.id)).toBe('written');
  expect(transitions.map(({ to }) => to)).toEqual(['live']);
});

it('a drain waits for them, and accepts no more', async () => {
  start({ appendMs: 500 });
  const ends: string[] = [];
  const sent = harness.hub.thread('t').send('accepted');
  void sent.then(() => ends.push('sent'));
  const drained = harness.hub.drain().then(() => ends.push('drained'));
  await expect(harness.hub.thread('t').send('late')).rejects.toMatchObject({ code: 'TC_HUB_CLOSED' });
  await after(Promise.all([sent, drained]), 5_000);
  expect(ends).toEqual(['sent', 'drained']);
});

it('ready() holds back a process that only sends', async () => {
  start({ appendMs: 100 }, { readyLimit: 2 });
  const thread = harness.hub.thread('t');
  const sends: Promise<Receipt>[] = [thread.send(1), thread.send(2)];
  let isReady = false;
  void thread.ready().then(() => (isReady = true));
  await harness.clock.advance(50);
  expect(isReady).toBe(false);
  await harness.clock.advance(100);
  expect(isReady).toBe(true);
  await Promise.all(sends);
});
