import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
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

/** How often Redis has run these commands, also in scripts. */
async function calls(...names: readonly string[]): Promise<number[]> {
  const stats = String(await server.run(['INFO', 'commandstats']));
  return names.map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0));
}

it('a send to a thread without members here is one script, and subscribes to nothing', async () => {
  const { position } = await hub.thread('t').send('one');
  expect(position).toBe(await hub.thread('t').position());
  await server.run(['CONFIG', 'RESETSTAT']);
  for (let i = 0; i < 5; i++) await hub.thread('t').send(i);
  const [scripts = 0, beats = 0, ...others] = await calls('evalsha', 'zadd', 'get', 'subscribe', 'publish');
  expect([scripts - beats, ...others]).toEqual([5, 0, 0, 5]);
  expect(hub.stats()).toMatchObject({ threads: 0, logBytes: 0 });
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
