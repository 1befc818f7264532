import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;
let hub: Hub;

beforeEach(async () => {
  server = await startRedis();
  hub = createHub({ log: startLog({ url: server.url }) });
  onTestFinished(() => hub.close());
  await hub.thread('warm').send('up');
});

/** Its log's routine looks and signs of life, which would be counted, do not come. */
async function stillHub(): Promise<Hub> {
  const still = createHub({ log: startLog({ url: server.url, clock: new VirtualClock(Date.now()) }) });
  onTestFinished(() => still.close());
  await still.thread('warm').send('up');
  await hub.close();
  return still;
}

/** How often Redis has run these commands, also in scripts. */
async function calls(...names: readonly string[]): Promise<number[]> {
  const stats = String(await server.run(['INFO', 'commandstats']));
  return names.map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0));
}

it('a send to a thread without members here is one script, and subscribes to nothing', async () => {
  const still = await stillHub();
  const { position } = await still.thread('t').send('one');
  expect(position).toBe(await still.thread('t').position());
  await server.run(['CONFIG', 'RESETSTAT']);
  for (let i = 0; i < 5; i++) await still.thread('t').send(i);
  const [scripts = 0, ...others] = await calls('evalsha', 'get', 'subscribe', 'publish');
  expect([scripts, ...others]).toEqual([5, 0, 0, 5]);
  expect(still.stats()).toMatchObject({ threads: 0, logBytes: 0 });
});

it('sends of one turn to many threads are few commands', async () => {
  const still = await stillHub();
  const ids = Array.from({ length: 100 }, (_, i) => `room-${i}`);
  await server.run(['CONFIG', 'RESETSTAT']);
  const receipts = await Promise.all(ids.map((id) => still.thread(id).send(id)));
  const [scripts = 0, ...others] = await calls('evalsha', 'publish');
  expect([scripts, ...others]).toEqual([2, 100]);
  expect(receipts.map(({ position = '' }) => position.split('.')[1])).toEqual(ids.map(() => '1'));
  for (const id of ids) expect((await still.thread(id).history()).messages.map(({ data }) => data)).toEqual([id]);
});

it('a thread that Redis refuses fails alone: what was sent to others in the same turn is logged once, and is no duplicate', async () => {
  await server.run(['SET', 'tc:v2:{bad}:log', 'no hash']);
  const send = (id: string): Promise<unknown> => hub.thread(id).send(id);
  const [before, bad, after] = await Promise.allSettled(['before', 'bad', 'after'].map(send));
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'TC_LOG_UNAVAILABLE' } });
  for (const sent of [before, after]) expect(sent).toMatchObject({ value: { isDuplicate: false } });
  for (const id of ['before', 'after'])
    expect((await hub.thread(id).history()).messages.map(({ data }) => data)).toEqual([id]);
});

it('a message whose answer was lost is sent again, and is no duplicate; a later one with its id is', async () => {
  const line = await startTcpProxy(server.port);
  onTestFinished(() => line.close());
  const far = createHub({ log: startLog({ url: `redis://127.0.0.1:${line.port}` }) });
  onTestFinished(() => far.close());
  await far.thread('t').send('one', { idempotencyKey: 'first' });
  line.rate = 0;
  const sent = far.thread('t').send('two', { idempotencyKey: 'second' });
  await until(async () => (await hub.thread('t').history()).messages.length === 2);
  line.cut();
  line.rate = Infinity;
  expect(await sent).toMatchObject({ isDuplicate: false, position: await hub.thread('t').position() });
  expect(await far.thread('t').send('two', { idempotencyKey: 'second' })).toMatchObject({ isDuplicate: true });
  expect((await hub.thread('t').history()).messages.map(({ data }) => data)).toEqual(['one', 'two']);
});

it('joins of many threads in one turn are few commands: one of the channels, one of the positions, one of the questions for streams', async () => {
  const still = await stillHub();
  const link = new FakeLink();
  const connection = still.accept(link.attach);
  const ids = Array.from({ length: 60 }, (_, i) => `room-${i}`);
  await Promise.all(ids.slice(0, 30).map((id) => still.thread(id).send('before')));
  await server.run(['CONFIG', 'RESETSTAT']);
  await Promise.all(ids.map((id) => connection.join(id)));
  const [scripts = 0, ...others] = await calls('evalsha', 'subscribe', 'publish');
  expect(scripts).toBeLessThanOrEqual(3);
  expect(others[0]).toBe(1);
  await Promise.all(ids.map((id) => still.thread(id).send('hello')));
  await until(() => dataOf(link).length === 60);
  for (const id of ids) expect(still.thread(id).stats).toMatchObject({ members: 1, state: 'live' });
  for (const id of ids) connection.leave(id);
});
