import { expect, it } from 'vitest';
import { createHub } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

// what a thread leaves in Redis

const keysOf = async (server: RedisServer): Promise<unknown> => server.run(['KEYS', 'tc:v2:{*']);

it('a question for the history of an unknown thread writes nothing', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url });
  expect(await log.readAfter('t', 0, 10)).toEqual([]);
  expect(await keysOf(server)).toEqual([]);
});

it('the position of a thread that was never used is kept for five minutes, however often it is asked', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url });
  const first = await log.position('t');
  expect(await log.position('t')).toEqual(first);
  expect(await keysOf(server)).toEqual(['tc:v2:{t}:log']);
  const left = Number(await server.run(['PTTL', 'tc:v2:{t}:log']));
  expect(left).toBeGreaterThan(200_000);
  expect(left).toBeLessThanOrEqual(300_000);
  expect((await log.append(draft('a'))).entry.offset).toBe(1);
  expect(await log.position('t')).toEqual({ epoch: first.epoch, offset: 1, id: 'a' });
  expect(Number(await server.run(['PTTL', 'tc:v2:{t}:log']))).toBeGreaterThan(3_600_000);
});

it('the position of a thread whose log has expired is answered from where it stood, and begins no log', async () => {
  const server = await startRedis();
  const clock = new VirtualClock();
  const log = startLog({ url: server.url, clock, timeoutMs: 600_000, commandTimeoutMs: 600_000 });
  await log.append(draft('a'));
  const before = await log.position('t');
  await clock.advance(11_000);
  await until(async () => Number(await server.run(['EXISTS', 'tc:v2:{t}:position'])) === 1);
  await server.run(['DEL', 'tc:v2:{t}:log']);
  expect(await log.position('t')).toEqual(before);
  expect(await log.readAfter('t', 0, 10)).toEqual([]);
  expect(await keysOf(server)).toEqual(['tc:v2:{t}:position']);
});

it('a thread that is forgotten leaves nothing when its last reader has gone', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url });
  const { subscription } = await hold(log);
  await log.append(draft('a'));
  log.forget?.('t');
  expect(await keysOf(server)).toEqual(['tc:v2:{t}:log']);
  subscription.unsubscribe();
  await until(async () => String(await keysOf(server)) === '');
  // nor later, when positions are written
  await log.close();
  expect(await keysOf(server)).toEqual([]);
});

it('the messages for a connection go with it', async () => {
  const server = await startRedis();
  const hub = createHub({ log: startLog({ url: server.url }) });
  const link = new FakeLink();
  const connection = hub.accept(link.attach, {});
  await connection.send('hello');
  expect(String(await keysOf(server))).toContain('~connection:');
  link.terminate();
  await until(async () => String(await keysOf(server)) === '');
  await hub.close();
});
