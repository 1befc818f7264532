import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, names, startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

const KEY = 'tc:v2:{t}:log';

let server: RedisServer;
const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterAll(() => warn.mockRestore());

beforeEach(async () => {
  server = await startRedis();
  warn.mockClear();
});

const bytesOf = async (key = KEY): Promise<number> =>
  Number(await server.run(['MEMORY', 'USAGE', key, 'SAMPLES', '0']));
const fields = async (): Promise<number> => Number(await server.run(['HLEN', KEY]));

describe('what a thread has in Redis', () => {
  it('is bounded by bytes, small messages and large ones', async () => {
    const log = startLog({ url: server.url, maxBytes: 1_000_000, timeoutMs: 20_000 });
    for (const id of names(1, 60)) await log.append(draft(id, { bytes: id.endsWith('0') ? 300_000 : 40_000 }));
    expect(await bytesOf()).toBeLessThan(1_200_000);
    expect(await bytesOf()).toBeGreaterThan(600_000);
    // the newest is kept whatever its size, and pieces go with their message
    await log.append(draft('huge', { bytes: 3_000_000 }));
    await log.append(draft('last', { bytes: 10 }));
    expect(await bytesOf()).toBeLessThan(50_000);
    expect((await log.readAfter('t', 0, 100)).map(({ id }) => id)).toEqual(['last']);
  });

  it('is bounded by entries, and ids are known beyond that for their time only', async () => {
    let now = 1_000_000;
    const log = startLog({ url: server.url, maxEntries: 10, idempotencyMs: 60_000, now: () => now });
    for (const id of names(1, 100)) await log.append(draft(id));
    await expect(log.append(draft('m1'))).resolves.toMatchObject({ isDuplicate: true, entry: { offset: 1 } });
    expect(await fields()).toBe(7 + 2 * 100);
    now += 60_001;
    // so many at most with each append
    await log.append(draft('m101'));
    await log.append(draft('m102'));
    expect(await fields()).toBe(7 + 2 * 10);
    await expect(log.append(draft('m1'))).resolves.toMatchObject({ isDuplicate: false, entry: { offset: 103 } });
  });

  it('ages away while nodes hold the thread, whose epoch stays', async () => {
    const clock = new VirtualClock();
    let now = 1_000_000;
    const patient = { timeoutMs: 60_000, commandTimeoutMs: 60_000 };
    const log = startLog({
      url: server.url,
      clock,
      maxAgeMs: 10_000,
      idempotencyMs: 10_000,
      now: () => now,
      ...patient,
    });
    const { resets } = await hold(log);
    for (const id of names(1, 30)) await log.append(draft(id));
    const position = await log.position('t');
    now += 20_000;
    // the rounds trim a little each time
    await untilInTime(clock, async () => (await fields()) <= 7, 30_000);
    expect(await log.position('t')).toEqual(position);
    expect(resets).toEqual([]);
  });
});

describe('a node that reads many threads again at the same time', () => {
  it('holds no more for that than its total', async () => {
    const writer = startLog({ url: server.url, timeoutMs: 20_000 });
    const threads = names(1, 30, 'h');
    for (const threadId of threads)
      await Promise.all(names(1, 40).map(async (id) => writer.append(draft(id, { threadId, bytes: 20_000 }))));
    const maxTotalBytes = 4_000_000;
    const log = startLog({ url: server.url, maxTotalBytes, timeoutMs: 20_000 });
    const held = await Promise.all(threads.map((threadId) => hold(log, threadId)));
    await Promise.all(held.map(async ({ subscription }) => subscription.reach?.('start')));
    // 24 MB are in Redis; each may have read one page too much
    expect(log.heldBytes).toBeLessThan(maxTotalBytes + threads.length * 160_000);
    expect(log.heldBytes).toBeGreaterThan(maxTotalBytes / 4);
    // when there is room again, all can be read
    for (const { subscription } of held.slice(1)) subscription.unsubscribe();
    await held[0]?.subscription.reach?.('start');
    expect(held[0]?.ids()).toEqual(names(1, 40));
  });
});

describe('a node with many quiet threads', () => {
  it('sends few commands, however many they are', async () => {
    const clock = new VirtualClock();
    const log = startLog({ url: server.url, clock, timeoutMs: 600_000, commandTimeoutMs: 600_000 });
    // those that wait for the first connection are compared once more when it is there
    await log.position('q1');
    const threads = names(1, 3_000, 'q');
    await Promise.all(threads.map((threadId) => hold(log, threadId)));
    for (const threadId of threads) log.announce?.(threadId, 1);
    const calls = async (): Promise<number> => {
      const stats = String(await server.run(['INFO', 'commandstats']));
      return [...stats.matchAll(/^cmdstat_(evalsha|eval|get|set|publish):calls=(\d+)/gm)].reduce(
        (sum, m) => sum + Number(m[2]),
        0,
      );
    };
    await clock.advance(1_000);
    await log.position('q1');
    const before = await calls();
    await clock.advance(60_000);
    await log.position('q1');
    // four rounds of comparisons a second for all of them, a probe and a sign of life now and then
    expect((await calls()) - before).toBeLessThan(60 * 7);
  });
});

describe('a Redis that throws keys away', () => {
  it('is warned of, once', async () => {
    await server.run(['CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru']);
    const log = startLog({ url: server.url });
    await log.append(draft('a'));
    await until(() => warn.mock.calls.length > 0);
    await server.run(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await log.append(draft('b'));
    await log.position('t');
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'TC_LOG_EVICTION', policy: 'allkeys-lru' }),
    );
  });

  it('and has thrown a thread away: its members are told, and all goes on', async () => {
    const log = startLog({ url: server.url });
    const { resets, entries } = await hold(log);
    for (const id of names(1, 5)) await log.append(draft(id));
    await server.run(['DEL', KEY]);
    await log.append(draft('m6'));
    await until(() => entries.at(-1)?.id === 'm6');
    expect(resets).toHaveLength(1);
    await expect(log.append(draft('m7'))).resolves.toMatchObject({ isDuplicate: false });
    await until(() => entries.at(-1)?.id === 'm7');
  });
});
