import { afterEach, beforeEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type DeliveryLog, type LogReset } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let clock: VirtualClock;
let shared: SharedLog;
let harnesses: Harness[];

beforeEach(() => {
  clock = new VirtualClock();
  shared = new SharedLog(memoryLog({ clock }));
  harnesses = [];
});

afterEach(async () => {
  for (const harness of harnesses) {
    expect(harness.errors).toEqual([]);
    await harness.close();
  }
  expect(clock.pending).toBe(0);
});

function start(log: DeliveryLog = shared.node()): Harness {
  const harness = makeHarness({ clock, log });
  harnesses.push(harness);
  return harness;
}

function connect({ hub }: Harness, userId: string, options: AcceptOptions = {}) {
  const link = new FakeLink();
  return { link, connection: hub.accept(link.attach, { userId, authorize: () => true, ...options }) };
}

it('in one process: a user’s connections are closed at once, with code and reason, and no one else’s', async () => {
  const one = start(memoryLog({ clock }));
  const [ada, phone, bob] = [connect(one, 'ada'), connect(one, 'ada'), connect(one, 'bob')];
  const reasons: string[] = [];
  one.hub.on('evicted', ({ reason }) => reasons.push(reason));
  void one.hub.user('ada').close(4401, 'signed out');
  expect([ada, phone, bob].map(({ connection }) => connection.state)).toEqual(['evicted', 'evicted', 'open']);
  await clock.settle();
  expect([ada.link.closeCode, phone.link.closeCode, reasons]).toEqual([4401, 4401, ['signed out', 'signed out']]);
  await one.hub.user('nobody').close();
});

it('in all processes: sign-out closes the connections wherever they are, and those that come later stay', async () => {
  const [here, there] = [start(), start()];
  const [ada, phone, bob] = [connect(here, 'ada'), connect(there, 'ada'), connect(there, 'bob')];
  await clock.settle();
  await here.run(here.hub.user('ada').close(4401, 'signed out'));
  expect([ada, phone, bob].map(({ connection }) => connection.state)).toEqual(['evicted', 'evicted', 'open']);
  expect(phone.link.closeCode).toBe(4401);
  const again = [connect(here, 'ada'), connect(there, 'ada')];
  await clock.advance(10_000);
  expect(again.map(({ connection }) => connection.state)).toEqual(['open', 'open']);
  // a process without a connection of the user gives the order, too
  await here.run(here.hub.user('bob').close());
  expect(bob.link.closeCode).toBe(1000);
});

it('a kick removes the user from the thread everywhere, and clients are notified once', async () => {
  const [here, there] = [start(), start()];
  const members = [connect(here, 'ada'), connect(there, 'ada'), connect(there, 'bob')];
  for (const { connection } of members) await there.run(connection.join('room'));
  await clock.settle();
  await here.run(here.hub.user('ada').leave('room', { reason: 'spam' }));
  expect(members.map(({ connection }) => connection.threads.includes('room'))).toEqual([false, false, true]);
  expect(members.map(({ link }) => framesOf(link, 'left'))).toEqual([
    [{ t: 'left', th: 'room', why: 'spam' }],
    [{ t: 'left', th: 'room', why: 'spam' }],
    [],
  ]);
  await here.run(here.hub.user('ada').leave('room'));
  expect(members.map(({ link }) => framesOf(link, 'left').length)).toEqual([1, 1, 0]);
});

it('what was sent to the user before comes before the close, and an order is no message', async () => {
  const [here, there] = [start(), start()];
  const phone = connect(there, 'ada');
  await clock.settle();
  await here.run(here.hub.user('ada').send('bye'));
  await here.run(here.hub.user('ada').leave('room'));
  await here.run(here.hub.user('ada').send('really'));
  await here.run(here.hub.user('ada').close());
  expect([dataOf(phone.link), phone.connection.state]).toEqual([['bye', 'really'], 'evicted']);
  const later = connect(there, 'ada');
  later.link.say({ t: 'inbox', from: 'start' });
  await clock.settle();
  expect(dataOf(later.link)).toEqual(['bye', 'really']);
});

it('an old order that arrives late does not concern newer connections', async () => {
  let deliver = (): void => {};
  const node = shared.node();
  const late: DeliveryLog = {
    ...node,
    subscribe: (threadId, onEntry, ...rest) =>
      node.subscribe(
        threadId,
        (entry) => {
          if (entry.kind === 'notice') deliver = () => onEntry(entry);
          else onEntry(entry);
        },
        ...rest,
      ),
  };
  const [here, there] = [start(), start(late)];
  const old = connect(there, 'ada');
  await clock.settle();
  await here.run(here.hub.user('ada').close(4401, 'signed out'));
  await clock.advance(60_000);
  const next = connect(there, 'ada');
  await clock.settle();
  deliver();
  await clock.settle();
  expect([old.connection.state, next.connection.state]).toEqual(['evicted', 'open']);
});

it('a process that cannot learn which orders it has missed has the clients come back', async () => {
  let reset: ((reset: LogReset) => void) | undefined;
  const node = shared.node();
  const trimmed: DeliveryLog = {
    ...node,
    subscribe: (threadId, onEntry, onMessage, onReset) => {
      if (threadId === '~user:ada') reset = onReset;
      return node.subscribe(threadId, onEntry, onMessage);
    },
  };
  const there = start(trimmed);
  const [ada, bob] = [connect(there, 'ada'), connect(there, 'bob')];
  await clock.settle();
  reset?.({ why: 'trimmed', after: 0 });
  await clock.settle();
  expect([ada.link.closeCode, bob.connection.state]).toEqual([1012, 'open']);
});

it('who has a connection anywhere is online', async () => {
  const counts = new Map<string, number>();
  const node = (name: string): DeliveryLog => ({
    ...shared.node(),
    announce: (threadId, members) => void counts.set(`${name} ${threadId}`, members),
    membersElsewhere: (threadId) => Promise.resolve(counts.get(`${name === 'a' ? 'b' : 'a'} ${threadId}`) ?? 0),
  });
  const [here, there] = [start(node('a')), start(node('b'))];
  const { connection } = connect(there, 'ada');
  await clock.advance(2_000);
  const isOnline = (userId: string) => Promise.all([here, there].map(({ hub }) => hub.user(userId).isOnline()));
  expect([await isOnline('ada'), await isOnline('bob')]).toEqual([
    [true, true],
    [false, false],
  ]);
  connection.close();
  await clock.advance(2_000);
  expect(await isOnline('ada')).toEqual([false, false]);
});

it('what is no code, reason or thread changes nothing', async () => {
  const one = start(memoryLog({ clock }));
  const { connection } = connect(one, 'ada');
  await connection.join('room');
  const user = one.hub.user('ada');
  const junk: unknown = JSON.parse('{"why":"x"}');
  for (const call of [
    () => user.close(1006),
    () => user.close(4401, 'x'.repeat(124)),
    () => user.leave('room', { reason: '' }),
    () => user.leave('room', Object(junk)),
    () => user.leave('~user:ada'),
    () => user.leave(''),
  ])
    await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(/^TC_INVALID_(OPTION|THREAD_ID)$/) });
  expect([connection.state, connection.threads]).toEqual(['open', ['room']]);
});

it('forged and later notices are ignored', async () => {
  const log = shared.node();
  const there = start();
  const { connection } = connect(there, 'ada');
  await clock.settle();
  const { makeBody } = await import('../../src/index.ts');
  const texts = [
    '',
    'null',
    '{"do":"close"}',
    '{"do":"purge","user":"ada","reason":"x"}',
    '{"do":"close","user":"bob","code":4401,"reason":"x"}',
  ];
  for (const [i, text] of texts.entries())
    await log.append({
      threadId: '~user:ada',
      id: `n${i}`,
      lane: 'normal',
      kind: 'notice',
      body: makeBody([Buffer.from(text)]),
      expiresAt: -Infinity,
    });
  await clock.settle();
  expect(connection.state).toBe('open');
});

it('a user with very many connections is closed in several turns', async () => {
  const one = start(memoryLog({ clock }));
  const all = Array.from({ length: 500 }, () => connect(one, 'kiosk').connection);
  // one end takes a while
  one.hub.on('evicted', () => clock.spend(0.05));
  const closed = one.hub.user('kiosk').close();
  expect(all.filter(({ state }) => state === 'evicted').length).toBeLessThan(100);
  await one.run(closed);
  expect(all.every(({ state }) => state === 'evicted')).toBe(true);
});
