import { expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

const THREADS = 50;
const ids = Array.from({ length: THREADS }, (_, i) => `room-${i}`);
const positionOf = (server: RedisServer, threadId: string): Promise<unknown> =>
  server.run(['GET', `tc:v2:{${threadId}}:position`]);

/** How many scripts Redis has run. */
async function scripts(server: RedisServer): Promise<number> {
  const stats = String(await server.run(['INFO', 'commandstats']));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

it('the positions of many threads are kept by one command, and none of them is left out for one that Redis refuses', async () => {
  const server = await startRedis();
  const clock = new VirtualClock(Date.now());
  const log = startLog({ url: server.url, clock, commandTimeoutMs: 100_000 });
  const appended = await Promise.all(ids.map(async (threadId) => log.append(draft('m', { threadId }))));
  await server.run(['LPUSH', 'tc:v2:{room-7}:position', 'no text']);
  await server.run(['CONFIG', 'RESETSTAT']);
  await clock.advance(10_500);
  for (const [i, threadId] of ids.entries()) {
    if (threadId === 'room-7') continue;
    const kept = `${appended[i]?.epoch} 1 m`;
    await until(async () => String(await positionOf(server, threadId)) === kept);
  }
  // beside it, the routine reports that the node is alive
  expect(await scripts(server)).toBeLessThan(THREADS / 2);
});

it('a log that is closed keeps the positions of all of its threads', async () => {
  const server = await startRedis();
  const log = startLog({ url: server.url });
  const appended = await Promise.all(ids.map(async (threadId) => log.append(draft('m', { threadId }))));
  await log.close();
  for (const [i, threadId] of ids.entries())
    expect(String(await positionOf(server, threadId))).toBe(`${appended[i]?.epoch} 1 m`);
});
