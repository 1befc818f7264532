import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type HistoryRange, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(() => harness.close());

async function start(count: number, hub: HubOptions = {}, options: AcceptOptions = {}) {
  const clock = new VirtualClock(1_000);
  harness = makeHarness({ clock, log: memoryLog({ clock, maxEntries: 1_000 }), ...hub });
  const thread = harness.hub.thread('t');
  const send = (n: number): Promise<unknown> => harness.run(thread.send(n, { idempotencyKey: `m${n}` }));
  for (let n = 1; n <= count; n++) await send(n);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true, ...options });
  link.say({ t: 'join', th: 't', ref: 1 });
  await clock.settle();
  const [joined] = framesOf(link, 'joined');
  const until = joined?.['pos'];
  let ref = 1;
  const ask = async (asked: object): Promise<Record<string, unknown> | undefined> => {
    link.say({ t: 'history', th: 't', ref: ++ref, ...asked });
    await clock.settle();
    return [...framesOf(link, 'page'), ...framesOf(link, 'err')].find((frame) => frame['ref'] === ref);
  };
  return { ...harness, clock, thread, send, link, connection, until, ask };
}

const listOf = (page: Record<string, unknown> | undefined): Record<string, unknown>[] =>
  Array.isArray(page?.['l']) ? page['l'] : [];
const dataOf = (page: Record<string, unknown> | undefined): unknown[] => listOf(page).map((message) => message['d']);

it('is answered in pages, up to the position of the join and then before the oldest message', async () => {
  const { until, ask, send, clock } = await start(5);
  await send(6);
  await clock.settle();
  const page = await ask({ until, limit: 2 });
  expect(page).toMatchObject({ t: 'page', th: 't', older: true });
  expect(listOf(page)).toEqual([
    { id: 'm4', o: 4, ts: 1_000, cur: expect.stringMatching(/^[\w-]+\.4\.m4~1000$/), d: 4 },
    { id: 'm5', o: 5, ts: 1_000, cur: expect.stringMatching(/^[\w-]+\.5\.m5~1000$/), d: 5 },
  ]);
  const next = await ask({ before: listOf(page)[0]?.['cur'], limit: 3 });
  expect([dataOf(next), next?.['older']]).toEqual([[1, 2, 3], false]);
  expect(dataOf(await ask({}))).toEqual([1, 2, 3, 4, 5, 6]);
});

it('shows the newest version, and nothing of a removed message', async () => {
  const { thread, run, ask } = await start(3);
  await run(thread.send('new', { replaces: 'm1' }));
  await run(thread.remove('m2'));
  expect(listOf(await ask({})).map(({ id, d }) => [id, d])).toEqual([
    ['m1', 'new'],
    ['m3', 3],
  ]);
});

it('is only for threads that the connection is in', async () => {
  const { ask, connection, link } = await start(1);
  expect(await ask({ th: 'other' })).toMatchObject({ t: 'err', code: 'forbidden', th: 'other' });
  expect(await ask({ th: '~user:u' })).toMatchObject({ t: 'err', code: 'TC_INVALID_THREAD_ID' });
  connection.leave('t');
  expect(await ask({})).toMatchObject({ t: 'err', code: 'forbidden' });
  expect(framesOf(link, 'page')).toEqual([]);
});

it('answers a client that was taken out while the database was asked with forbidden', async () => {
  const { promise, resolve } = Promise.withResolvers<{ messages: []; hasOlder: boolean }>();
  const { ask, connection, link, clock } = await start(0, { history: { load: () => promise } });
  await ask({});
  connection.leave('t');
  resolve({ messages: [], hasOlder: false });
  await clock.settle();
  expect(framesOf(link, 'page')).toEqual([]);
  expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden', ref: 2 }]);
});

it('answers junk with a code, and changes nothing', async () => {
  const { ask, until, connection } = await start(2);
  const foreign = String(until).replace(/^[^.]*/, 'e');
  for (const limit of [0, 1_001, 1.5, '5', null])
    expect(await ask({ limit })).toMatchObject({ t: 'err', code: 'TC_INVALID_OPTION', th: 't' });
  for (const place of ['', 'x', 7, null, {}, `~${'x'.repeat(10_000)}`]) {
    expect(await ask({ before: place })).toMatchObject({ code: 'TC_INVALID_POSITION' });
    expect(await ask({ until: place })).toMatchObject({ code: 'TC_INVALID_POSITION' });
  }
  expect(await ask({ before: foreign })).toMatchObject({ code: 'TC_POSITION_LOST' });
  expect(await ask({ before: String(until).replace('.2.', '.9.') })).toMatchObject({ code: 'TC_POSITION_LOST' });
  expect(connection.state).toBe('open');
  expect(harness.errors).toEqual([]);
});

it('ends a page at 64 KiB, and gives a message of more than 256 KiB without its data', async () => {
  const { thread, run, ask } = await start(0);
  for (let n = 0; n < 3; n++) await run(thread.send('x'.repeat(40_000)));
  await run(thread.send('y'.repeat(300_000), { idempotencyKey: 'big' }));
  const big = await ask({});
  expect(listOf(big)).toEqual([{ id: 'big', o: 4, ts: 1_000, cur: expect.any(String), bytes: 300_002 }]);
  const page = await ask({ before: listOf(big)[0]?.['cur'] });
  expect([listOf(page).map(({ o }) => o), page?.['older']]).toEqual([[3], true]);
  const rest = await ask({ before: listOf(page)[0]?.['cur'] });
  expect(listOf(rest).map(({ o }) => o)).toEqual([2]);
});

it('goes on in the application’s database, of which a page takes no more than it may', async () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ id: `d${i}`, at: i, data: 'z'.repeat(20_000) }));
  const load = (_: string, { before, limit }: HistoryRange) => {
    const end = rows.findIndex(({ id }) => id === before?.id);
    const page = rows.slice(0, end < 0 ? rows.length : end);
    return { messages: page.slice(-limit), hasOlder: page.length > limit };
  };
  const { ask } = await start(1, { history: { load } });
  const ids: unknown[] = [];
  let before: unknown;
  for (let older: unknown = true; older === true;) {
    const page = await ask({ before });
    ids.unshift(...listOf(page).map(({ id }) => id));
    before = listOf(page)[0]?.['cur'];
    older = page?.['older'];
  }
  expect(ids).toEqual([...rows.map(({ id }) => id), 'm1']);
});

it('tells the hub when the database fails, and the client that it has', async () => {
  const load = (): never => {
    throw new Error('down');
  };
  const { ask, until } = await start(0, { history: { load } });
  expect(await ask({ until })).toMatchObject({ t: 'err', code: 'TC_HISTORY_FAILED' });
  expect(harness.errors).toMatchObject([{ code: 'TC_HISTORY_FAILED' }]);
});

it('delays no other request of the client', async () => {
  const load = (): Promise<never> => new Promise(() => {});
  const { ask, link, clock } = await start(0, { history: { load } }, { onPublish: () => true });
  await ask({});
  link.say({ t: 'pub', th: 't', id: 'p', d: 1 });
  await clock.settle();
  expect(framesOf(link, 'ok')).toMatchObject([{ id: 'p' }]);
  expect(framesOf(link, 'page')).toEqual([]);
});

it('has one page wait for a client that does not read, and that is no notice that the client did not ask for', async () => {
  const { thread, run, link, connection, clock } = await start(0);
  for (let n = 0; n < 60; n++) await run(thread.send('x'.repeat(50_000)));
  link.stall();
  for (let ref = 2; ref < 40; ref++) link.say({ t: 'history', th: 't', ref });
  await clock.settle();
  expect(link.unsentBytes).toBeLessThan(2 * 1024 * 1024);
  const { unsentBytes } = link;
  for (let ref = 40; ref < 60; ref++) link.say({ t: 'history', th: 't', ref });
  await clock.settle();
  expect(link.unsentBytes).toBe(unsentBytes);
  link.resume();
  await clock.settle();
  expect(connection.state).toBe('open');
  expect(framesOf(link, 'page').map(({ ref }) => ref)).toEqual(Array.from({ length: 58 }, (_, i) => i + 2));
});

it('is paid for like what a client reads again', async () => {
  const { link, clock } = await start(900, { maxInputPerSecond: 100 });
  for (let ref = 2; ref < 60 && !link.isClosed; ref++) {
    link.say({ t: 'history', th: 't', ref, limit: 1_000 });
    await clock.settle();
  }
  expect(link.closeCode).toBe(4429);
  expect(framesOf(link, 'page').length).toBeLessThan(40);
});
