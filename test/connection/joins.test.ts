import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryLog, type DeliveryLog } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { slowLog } from '../support/slow-log.ts';

const OPEN_MS = 100;

let clock: VirtualClock;
let log: DeliveryLog;
let harness: Harness;

beforeEach(() => {
  clock = new VirtualClock();
  log = memoryLog({ clock });
  harness = makeHarness({ clock, log: slowLog(clock, OPEN_MS, log) });
});

afterEach(async () => {
  await harness.close();
  expect(clock.pending).toBe(0);
  expect(harness.errors).toEqual([]);
});

/** What is in the thread's log from another process, and a client that had the first of three. */
async function publish(threadId: string): Promise<{ first: string }> {
  const other = makeHarness({ clock, log: { ...slowLog(clock, 0, log), close: () => {} } });
  const sends = [1, 2, 3].map((n) => other.hub.thread(threadId).send(n));
  await clock.advance(1);
  const [first] = await Promise.all(sends);
  await other.close();
  return { first: first?.position ?? '' };
}

function accept(userId?: string) {
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, {
    authorize: () => true,
    ...(userId === undefined ? {} : { userId }),
  });
  return { link, connection };
}

describe('while a thread is being opened elsewhere', () => {
  it.each([0, 1, OPEN_MS - 1])(
    'a client resumes from its position, whoever has joined for it, %d ms later',
    async (ms) => {
      const { first } = await publish('t');
      const { link, connection } = accept();
      const joined = connection.join('t');
      await clock.advance(ms);
      link.say({ t: 'join', th: 't', from: first });
      await clock.advance(1_000);
      await joined;
      expect(dataOf(link)).toEqual([2, 3]);
      expect(framesOf(link, 'joined').at(-1)).toMatchObject({ pos: first, recovered: 2 });
      expect(connection.threads).toEqual(['t']);
    },
  );

  it('a client that joins without a position is told once where it is', async () => {
    await publish('t');
    const { link, connection } = accept();
    void connection.join('t');
    link.say({ t: 'join', th: 't' });
    await clock.advance(1_000);
    void harness.hub.thread('t').send(4);
    await clock.settle();
    expect(dataOf(link)).toEqual([4]);
    expect(connection.threads).toEqual(['t']);
  });

  it('a leave after the join counts', async () => {
    const { link, connection } = accept();
    const joined = [connection.join('t'), connection.join('u')];
    connection.leave('t');
    await clock.advance(1_000);
    await Promise.all(joined);
    expect(connection.threads).toEqual(['u']);
    void connection.join('t');
    await clock.settle();
    expect(connection.threads).toEqual(['u', 't']);
    expect(framesOf(link, 'joined').map(({ th }) => th)).toEqual(['u', 't']);
  });

  it('a connection that goes keeps nobody else of its user from a message', async () => {
    const [phone, laptop] = [accept('ada'), accept('ada')];
    const sent = harness.hub.user('ada').send('hello');
    await clock.advance(1);
    phone.link.hangUp();
    await clock.advance(1_000);
    expect(await sent).toMatchObject({ recipients: 1, written: 1 });
    expect(dataOf(laptop.link)).toEqual(['hello']);
  });
});

it('a thread whose opening ends after the hub is let go, and who waits for it is told', async () => {
  let readers = 0;
  const slow = slowLog(clock, OPEN_MS, log);
  const counting: DeliveryLog = {
    ...slow,
    async subscribe(...args) {
      const subscription = await slow.subscribe(...args);
      readers++;
      return { tail: subscription.tail, hold: (at) => subscription.hold(at), unsubscribe: () => void readers-- };
    },
  };
  const own = makeHarness({ clock, log: counting });
  const failed = own.hub
    .thread('t')
    .send(1)
    .catch((error: unknown) => error);
  const closed = own.hub.close();
  await clock.advance(2_000);
  await closed;
  expect(await failed).toMatchObject({ code: 'TC_HUB_CLOSED' });
  expect(own.hub.stats().threads).toBe(0);
  expect(readers).toBe(0);
});

it('what waits for a thread to be opened when the hub drains is delivered', async () => {
  const { link, connection } = accept();
  void connection.join('t');
  await clock.advance(1);
  const sent = harness.hub.thread('t').send('last');
  const drained = harness.hub.drain({ timeoutMs: 1_000 });
  await clock.advance(5_000);
  await drained;
  expect(await sent).toMatchObject({ recipients: 1, written: 1 });
  expect(dataOf(link)).toEqual(['last']);
  expect(link.closeCode).toBe(1012);
});

it('a socket that ends before it is taken over leaves no connection', () => {
  const connection = harness.hub.accept((listener) => {
    listener.onClose(1006, '');
    return new FakeLink();
  });
  expect(connection.state).toBe('evicted');
  expect(harness.hub.stats().connections.total).toBe(0);
});
