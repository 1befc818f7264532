import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { SharedLog } from '../support/shared-log.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

/** A hub that notes who joins and leaves. */
function watched(hub: HubOptions = {}) {
  harness = makeHarness(hub);
  const news: string[] = [];
  harness.hub.on('join', ({ connection, threadId }) => news.push(`${connection.userId} joins ${threadId}`));
  harness.hub.on('leave', ({ connection, threadId, reason }) =>
    news.push(`${connection.userId} leaves ${threadId}: ${reason}`),
  );
  const accept = (options: AcceptOptions = {}) => {
    const link = new FakeLink();
    return { link, connection: harness.hub.accept(link.attach, { authorize: () => true, userId: 'ada', ...options }) };
  };
  const take = (): string[] => news.splice(0);
  return { ...harness, accept, take };
}

it('joins of the client and of the application are events, once each, and so are leaves', async () => {
  const { accept, take, clock } = watched();
  const { link, connection } = accept();
  link.say({ t: 'join', th: 'a' });
  await clock.settle();
  await connection.join('a');
  await connection.join('b');
  expect(take()).toEqual(['ada joins a', 'ada joins b']);
  connection.leave('b');
  connection.leave('b');
  link.say({ t: 'leave', th: 'a' });
  link.say({ t: 'leave', th: 'nowhere' });
  await clock.settle();
  expect(take()).toEqual(['ada leaves b: kicked', 'ada leaves a: left']);
  await connection.join('b');
  connection.leave('b', { reason: 'the room is full' });
  expect(take()).toEqual(['ada joins b', 'ada leaves b: the room is full']);
});

it('the library’s own threads are no membership', async () => {
  const { accept, take, hub, run } = watched();
  const { connection } = accept();
  await run(connection.send(1));
  await run(hub.user('ada').send(2));
  connection.close();
  expect(take()).toEqual([]);
});

it('a client that reads a thread again from another position has not left it', async () => {
  const { accept, take, hub, clock, run } = watched();
  const { link, connection } = accept();
  await run(hub.thread('a').send(1));
  link.say({ t: 'join', th: 'a', ref: 1 });
  await clock.settle();
  link.say({ t: 'join', th: 'a', ref: 2, from: 'start' });
  await clock.settle();
  expect(take()).toEqual(['ada joins a']);
  connection.leave('a');
  expect(take()).toEqual(['ada leaves a: kicked']);
});

it('the end of a connection ends its memberships, in many threads too', async () => {
  const { accept, take, clock } = watched();
  const { connection } = accept();
  for (let i = 0; i < 200; i++) await connection.join(`t${i}`);
  take();
  connection.close();
  await clock.settle();
  const left = take();
  expect([left.length, new Set(left).size, left[0]]).toEqual([200, 200, 'ada leaves t0: closed']);
});

it('a thread that is erased is left by all', async () => {
  const { accept, take, hub, run } = watched();
  for (const userId of ['ada', 'bob']) await accept({ userId }).connection.join('a');
  take();
  await run(hub.thread('a').delete());
  expect(take()).toEqual(['ada leaves a: deleted', 'bob leaves a: deleted']);
});

it('a listener may end what it is told of', async () => {
  const { accept, take, hub, errors } = watched();
  const off = hub.on('join', ({ connection, threadId }) => connection.leave(threadId));
  const { connection } = accept();
  await connection.join('a');
  expect([take(), connection.threads]).toEqual([['ada joins a', 'ada leaves a: kicked'], []]);
  off();
  hub.on('join', ({ connection }) => connection.close());
  await connection.join('b');
  expect([take(), connection.state, errors]).toEqual([['ada joins b', 'ada leaves b: closed'], 'evicted', []]);
});

/** A hub over a log that opens and reads only when told. */
function onSlowLog() {
  const node = new SharedLog(memoryLog()).node();
  let gate: Promise<void> | undefined;
  const hub = watched({
    log: {
      ...node,
      subscribe: async (...args) => {
        const subscription = await node.subscribe(...args);
        return { ...subscription, reach: () => gate };
      },
    },
  });
  return { ...hub, wait: (until: Promise<void>) => void (gate = until) };
}

it('who is taken out while it comes back has left once', async () => {
  const { accept, take, clock, wait } = onSlowLog();
  const { link, connection } = accept();
  link.say({ t: 'join', th: 'a', ref: 1 });
  await clock.settle();
  const reached = Promise.withResolvers<void>();
  wait(reached.promise);
  link.say({ t: 'join', th: 'a', ref: 2, from: 'start' });
  await clock.settle();
  connection.leave('a');
  expect(take()).toEqual(['ada joins a', 'ada leaves a: kicked']);
  reached.resolve();
  await clock.settle();
  expect([take(), connection.threads]).toEqual([[], ['~user:ada']]);
});

it('who cannot come back, or ends meanwhile, has left', async () => {
  const { accept, take, clock, wait } = onSlowLog();
  for (const end of ['closed', 'failed'] as const) {
    const { link, connection } = accept({ userId: end });
    wait(Promise.resolve());
    link.say({ t: 'join', th: 'a', ref: 1 });
    await clock.settle();
    const reached = Promise.withResolvers<void>();
    wait(reached.promise);
    link.say({ t: 'join', th: 'a', ref: 2, from: 'start' });
    await clock.settle();
    if (end === 'closed') connection.close();
    if (end === 'closed') reached.resolve();
    else reached.reject(new Error('out of order'));
    await clock.settle();
    expect(take()).toEqual([`${end} joins a`, `${end} leaves a: ${end}`]);
  }
});
