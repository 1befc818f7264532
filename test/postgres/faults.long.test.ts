import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { appendAll, draft, hold, names, until, type Held } from '../support/redis-nodes.ts';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

let server: PostgresServer;
let schema: string;

beforeAll(async () => {
  server = await PostgresServer.start();
  schema = await server.schema();
});
beforeEach(() => server.wipe(schema));
afterAll(() => server.stop());

const idsOf = ({ entries }: Held): string[] => entries.map(({ id }) => id);

async function proxied(): Promise<TcpProxy> {
  const proxy = await startTcpProxy(server.port);
  onTestFinished(() => proxy.close());
  return proxy;
}

it('nodes get each other’s messages, large ones too, and their notes in one piece', async () => {
  const logs = [startLog({ url: server.url, schema }), startLog({ url: server.url, schema })] as const;
  const [one, two] = [await hold(logs[0]), await hold(logs[1])];
  await Promise.all([
    appendAll(logs[0], names(1, 50, 'a')),
    appendAll(logs[1], names(1, 50, 'b')),
    Promise.resolve(logs[0].append(draft('big', { bytes: 1_000_000 }))),
  ]);
  await until(() => one.entries.length === 101 && two.entries.length === 101);
  expect(idsOf(one)).toEqual(idsOf(two));
  expect(two.entries.find(({ id }) => id === 'big')?.body.bytes).toBe(1_000_000);
  const notes = [`short\u0000 ${'ü'.repeat(3)}`, 'long '.repeat(10_000), '🙂'.repeat(9_000), 'same', 'same'];
  for (const note of notes) logs[0].notify?.('t', note);
  await until(() => two.notes.length === 5);
  expect([two.notes, one.notes]).toEqual([notes, []]);
});

it('a thread that both write to at once has one order, and no message twice', async () => {
  const logs = [startLog({ url: server.url, schema }), startLog({ url: server.url, schema })] as const;
  const ids = names(1, 60);
  const [here, there] = await Promise.all([appendAll(logs[0], ids), appendAll(logs[1], ids)]);
  expect(here).toEqual(there);
  expect(here.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
});

it('a lost notice is found by polling', async () => {
  const logs = [startLog({ url: server.url, schema }), startLog({ url: server.url, schema })] as const;
  const two = await hold(logs[1]);
  await logs[0].append(draft('a'));
  await until(() => two.entries.length === 1);
  // as a node that dies after its commit
  await server.query(`SELECT * FROM ${schema}.append(NULL, $1, $2)`, [
    JSON.stringify([{ thread: 't', id: 'b', header: '{}', kind: 'm', inline: 2, size: 2, epoch: 'e' }]),
    Buffer.from('{}'),
  ]);
  await until(() => two.entries.length === 2);
  expect(idsOf(two)).toEqual(['a', 'b']);
});

it('tables of another version, and none at all, are refused with TC_LOG_LAYOUT', async () => {
  const none = startLog({ url: server.url, schema: 'nothing' });
  await expect(Promise.resolve(none.position('t'))).rejects.toMatchObject({ code: 'TC_LOG_LAYOUT', found: 'none' });
  const other = await server.schema();
  await server.query(`UPDATE ${other}.layout SET version = 99`);
  const log = startLog({ url: server.url, schema: other });
  const changes: unknown[] = [];
  log.watch?.((error) => changes.push(error));
  await expect(Promise.resolve(log.append(draft('a')))).rejects.toMatchObject({
    code: 'TC_LOG_LAYOUT',
    found: '99',
    expected: '1',
  });
  expect(changes).toMatchObject([{ code: 'TC_LOG_LAYOUT' }]);
});

it('a server that is not there is told, and a send fails in its time', async () => {
  const log = startLog({ url: server.urlAt(1), schema, timeoutMs: 300 });
  await expect(Promise.resolve(log.append(draft('a')))).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  const errors: unknown[] = [];
  log.watch?.((error) => errors.push(error));
  await until(() => errors.length === 1);
  expect(errors).toMatchObject([{ code: 'TC_LOG_UNAVAILABLE' }]);
});

/** Appends all the time on both nodes, while something happens. */
async function underLoad(logs: readonly DeliveryLog[], happens: () => Promise<void>): Promise<string[]> {
  const acknowledged: string[] = [];
  const sending: Promise<void>[] = [];
  const state = { isOver: false };
  const send = async (log: DeliveryLog, node: number): Promise<void> => {
    for (let i = 0; !state.isOver; i++) {
      const id = `n${node}-${i}`;
      const appended = Promise.resolve(log.append(draft(id)));
      sending.push(appended.then(() => void acknowledged.push(id)));
      appended.catch(() => (state.isOver = true));
      await new Promise((resolve) => void setTimeout(resolve, 3));
    }
  };
  const senders = logs.map(send);
  try {
    await happens();
  } finally {
    state.isOver = true;
    await Promise.all(senders);
  }
  await Promise.all(sending);
  return acknowledged;
}

/** No acknowledged message is lost, doubled or out of its node's order, and all nodes have the same. */
async function check(held: readonly Held[], acknowledged: readonly string[]): Promise<void> {
  await until(() => held.every(({ entries }) => entries.length === acknowledged.length));
  const [first = []] = held.map(idsOf);
  for (const each of held) expect(idsOf(each)).toEqual(first);
  expect(first.toSorted()).toEqual(acknowledged.toSorted());
  for (const node of [0, 1]) {
    const own = first.filter((id) => id.startsWith(`n${node}-`)).map((id) => Number(id.slice(3)));
    expect(own).toEqual(own.toSorted((a, b) => a - b));
  }
  expect(held.flatMap(({ resets }) => resets)).toEqual([]);
}

const passes = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

it('connections of the pool stay when they were idle for longer than the package `pg` has them', async () => {
  const log = startLog({ url: server.url, schema });
  const sessions = async (): Promise<readonly unknown[]> =>
    (await server.query(`SELECT pid FROM pg_stat_activity WHERE application_name = 'threadcast'`)).map(
      ({ pid }) => pid,
    );
  await Promise.all(names(1, 50).map(async (id) => log.append(draft(id, { threadId: id }))));
  const before = await sessions();
  expect(before.length).toBeGreaterThan(3);
  await passes(11_000);
  expect(await sessions()).toEqual(expect.arrayContaining([...before]));
});

it('a server that is killed, frozen and cut off under load loses, doubles and reorders nothing', async () => {
  const random = mulberry32(seed);
  const proxy = await proxied();
  const logs = [startLog({ url: server.urlAt(proxy.port), schema }), startLog({ url: server.url, schema })] as const;
  const held = [await hold(logs[0]), await hold(logs[1])] as const;
  const faults = [
    async () => {
      await server.kill();
      await server.start();
    },
    async () => {
      server.freeze();
      await passes(1_300);
      server.thaw();
    },
    async () => proxy.cut(),
    async () => {
      proxy.blackHole();
      await passes(1_300);
      proxy.cut();
      proxy.restore();
    },
  ];
  const order = faults.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
  const acknowledged = await underLoad(logs, async () => {
    for (const { fault } of order) {
      await passes(50 + random() * 150);
      await fault();
      const before = held.map(({ entries }) => entries.length);
      await until(() => held.every(({ entries }, i) => entries.length > (before[i] ?? 0) + 5));
    }
  });
  await check(held, acknowledged);
  expect(acknowledged.length).toBeGreaterThan(40);
});
