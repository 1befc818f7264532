import { afterEach, beforeEach, expect, it } from 'vitest';
import { memoryLog, type Connection, type DeliveryLog, type Undelivered } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';
import { SharedLog } from '../support/shared-log.ts';

let clock: VirtualClock;
let shared: SharedLog;
let nodes: Harness[];

beforeEach(() => {
  clock = new VirtualClock();
  shared = new SharedLog(memoryLog({ clock }));
  nodes = [];
});

afterEach(async () => {
  for (const node of nodes) {
    expect(node.errors).toEqual([]);
    await node.close();
  }
  expect(clock.pending).toBe(0);
});

function start(log: DeliveryLog = shared.node()): Harness & { readonly missed: Undelivered[] } {
  const harness = makeHarness({ clock, log });
  const missed: Undelivered[] = [];
  harness.hub.on('undelivered', (news) => missed.push(news));
  nodes.push(harness);
  return { ...harness, missed };
}

async function join({ hub, run }: Harness, userId: string | undefined, threadId = 't'): Promise<Connection> {
  const connection = hub.accept(new FakeLink().attach, { userId });
  await run(connection.join(threadId));
  return connection;
}

const usersOf = async ({ hub, run }: Harness, threadId = 't'): Promise<string> =>
  [...(await run(hub.thread(threadId).users()))].toSorted().join(' ');

it.each(['one process', 'two processes'])('the users of a thread, each once, in %s', async (how) => {
  const one = start(how === 'one process' ? memoryLog({ clock }) : undefined);
  const two = how === 'one process' ? one : start();
  const [ada, phone, bob] = [await join(one, 'ada'), await join(one, 'ada'), await join(two, 'bob')];
  await join(two, undefined);
  await join(two, 'cy', 'other');
  for (const node of [one, two]) expect(await usersOf(node)).toBe('ada bob');
  ada.close();
  await clock.settle();
  expect(await usersOf(two)).toBe('ada bob');
  phone.leave('t');
  bob.leave('t');
  await clock.settle();
  for (const node of [one, two]) expect(await usersOf(node)).toBe('');
  expect(await usersOf(one, 'nobody')).toBe('');
});

it('reports those of the audience who have no connection in the thread, in any process', async () => {
  const [one, two] = [start(), start()];
  await join(one, 'ada');
  await join(two, 'bob');
  await join(two, 'cy', 'other');
  const audience = ['ada', 'bob', 'cy', 'dan', 'dan'];
  const { id } = await one.run(one.hub.thread('t').send('hi', { audience }));
  await clock.settle();
  expect(one.missed).toEqual(['cy', 'dan'].map((userId) => ({ userId, threadId: 't', id })));
  expect(two.missed).toEqual([]);
});

it('in one process; nobody who is excepted, none for a message without an audience, again for a retry', async () => {
  const one = start(memoryLog({ clock }));
  await join(one, 'ada');
  const thread = one.hub.thread('t');
  await one.run(thread.send(1));
  await one.run(thread.send(2, { audience: [] }));
  await one.run(thread.send(3, { audience: ['ada'] }));
  await one.run(thread.send(4, { audience: ['bob'], except: { userId: 'bob' } }));
  await one.run(thread.send(5, { audience: ['bob'], lane: 'volatile', idempotencyKey: 'five' }));
  for (let i = 0; i < 2; i++) await one.run(thread.send(6, { audience: ['bob', 'cy'], idempotencyKey: 'six' }));
  await clock.settle();
  expect(one.missed.map(({ userId, id }) => `${userId} ${id}`)).toEqual([
    'bob five',
    'bob six',
    'cy six',
    'bob six',
    'cy six',
  ]);
});

it('for each thread of a group', async () => {
  const one = start(memoryLog({ clock }));
  await join(one, 'ada', 'a');
  await one.run(one.hub.to(['a', 'b']).send(1, { audience: ['ada'], idempotencyKey: 'k' }));
  await clock.settle();
  expect(one.missed).toEqual([{ userId: 'ada', threadId: 'b', id: 'k' }]);
});

it('a failed send reports nothing, and junk is refused', async () => {
  const one = start(memoryLog({ clock }));
  await expect(one.run(one.hub.thread('t').send(undefined, { audience: ['ada'] }))).rejects.toMatchObject({
    code: 'TC_UNSERIALIZABLE_MESSAGE',
  });
  for (const audience of ['ada', [''], [1], {}])
    // @ts-expect-error not user ids
    await expect(one.run(one.hub.thread('t').send(1, { audience }))).rejects.toMatchObject({
      code: 'TC_INVALID_OPTION',
      option: 'audience',
    });
  await expect(one.run(one.hub.user('ada').send(1, { audience: ['ada'] }))).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
  });
  await clock.settle();
  expect(one.missed).toEqual([]);
});

it('where the log cannot say who is elsewhere, those who are not here are reported, with an error', async () => {
  const log = shared.node();
  const one = start({
    ...log,
    presence: { add: () => {}, remove: () => {}, list: () => Promise.reject(new Error('log is away')) },
  });
  await join(one, 'ada');
  await one.run(one.hub.thread('t').send(1, { audience: ['ada', 'bob'] }));
  await clock.settle();
  expect(one.missed).toMatchObject([{ userId: 'bob' }]);
  expect(one.errors.splice(0)).toMatchObject([{ message: 'log is away' }]);
});

it('a shared log without presence cannot tell the users of a thread', async () => {
  const { presence: _, ...log } = shared.node();
  const one = start(log);
  await join(one, 'ada');
  await expect(one.run(one.hub.thread('t').users())).rejects.toMatchObject({ code: 'TC_LOG_UNSUPPORTED' });
});
