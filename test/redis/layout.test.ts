import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHub, LogLayoutError } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import { startRedisCluster, type RedisServer } from '../support/redis-server.ts';

const WHOLE = { code: 'TC_LOG_LAYOUT', expected: '2', prefix: 'tc' };

let server: RedisServer;
const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterAll(() => warn.mockRestore());

beforeEach(async () => {
  server = await startRedis();
  warn.mockClear();
});

describe('a Redis with another layout', () => {
  it.each([
    ['threads of 0.1', ['HSET', 'tc:{room}:meta', 'e', 'x'], '1'],
    ['a node of 0.1', ['SET', 'tc:node:abc', '1'], '1'],
    ['a later version', ['SET', 'tc:layout', '3'], '3'],
  ])('is refused at the start, at once and by every call: %s', async (_, command, found) => {
    await server.run(command);
    const log = startLog({ url: server.url, timeoutMs: 60_000, whenUnavailable: 'deliver-locally' });
    const news: unknown[] = [];
    log.watch?.((error) => news.push(error));
    const acts = [
      () => log.append(draft('a')),
      () => log.position('t'),
      () => log.readAfter('t', 0, 1),
      () => hold(log),
    ];
    for (const act of [...acts, ...acts]) {
      const outcome = await Promise.resolve(act()).catch((error: unknown) => error);
      expect(outcome).toMatchObject({ ...WHOLE, found });
    }
    expect(news.at(-1)).toBeInstanceOf(LogLayoutError);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'TC_LOG_LAYOUT' }));
    expect(String(news.at(-1))).toMatch(/prefix.*docs\/scaling\.md/);
    // nothing has been written
    expect(await server.run(['DBSIZE'])).toBe(1);
  });

  it('shows as a hub whose log is down, with the reason', async () => {
    await server.run(['SET', 'tc:layout', '1']);
    const hub = createHub({ log: startLog({ url: server.url }) });
    const errors: unknown[] = [];
    hub.on('log', ({ error }) => errors.push(error));
    await expect(hub.thread('t').send(1)).rejects.toMatchObject(WHOLE);
    await until(() => errors.some((error) => error instanceof LogLayoutError));
    await hub.close();
  });

  it('is no other’s: a prefix of its own, or one that is longer', async () => {
    for (const command of [
      ['HSET', 'other:{room}:meta', 'e', 'x'],
      ['HSET', 'tc2:{room}:meta', 'e', 'x'],
      ['SET', 'tc:my own key', 'x'],
    ])
      await server.run(command);
    await startLog({ url: server.url }).append(draft('a'));
    expect(await server.run(['GET', 'tc:layout'])).toBe('2');
  });

  it('is refused by a cluster, on whichever shard it shows', async () => {
    const servers = await startRedisCluster();
    try {
      const slot = Number(await server.run(['CLUSTER', 'KEYSLOT', 'tc:{room}:meta']).catch(() => 0));
      expect(slot).toBe(0);
      const rootNodes = servers.map(({ url }) => ({ url }));
      // on the shard that has it
      for (const each of servers) await each.run(['HSET', 'tc:{room}:meta', 'e', 'x']).catch(() => {});
      await expect(startLog({ cluster: { rootNodes } }).position('t')).rejects.toMatchObject(WHOLE);
    } finally {
      await Promise.all(servers.map((each) => each.stop()));
    }
  });
});

describe('what a later version may add', () => {
  it('is ignored: fields of a log and of a header, kinds of entries, of signs and of notices', async () => {
    const log = startLog({ url: server.url });
    const { entries, notes, subscription } = await hold(log);
    await log.append(draft('a'));
    const key = 'tc:v2:{t}:log';
    const [, epoch] = Object(await server.run(['HMGET', key, 'o', 'e']));
    const add = async (offset: number, sign: string, header: string): Promise<void> => {
      const rest = `${header.length} ${header}"b${offset}"`;
      const [id, at] = [`b${offset}`, Date.now()];
      await server.run([
        'HSET',
        key,
        String(offset),
        `${sign}${at} ${id} ${rest}`,
        `=${id}`,
        String(offset),
        'new',
        'x',
      ]);
      await server.run(['HSET', key, 'o', String(offset), 'i', id]);
      await server.run(['PUBLISH', 'tc:v2:{t}:news', `${sign}${String(epoch)} ${offset} ${at} ${id} ${rest}`]);
    };
    for (const notice of ['Zsomething new', '', 'E', 'N']) await server.run(['PUBLISH', 'tc:v2:{t}:news', notice]);
    await add(2, 'E', '{"b":"x","new":[1]}');
    await add(3, 'E', '{"b":"x","e":"removal"}');
    await add(4, 'X', '{"b":"x"}');
    await log.append(draft('c'));
    await until(() => entries.length === 5);
    const now = performance.now();
    expect(entries.map(({ id }) => id)).toEqual(['a', 'b2', 'b3', 'b4', 'c']);
    expect(entries.map((entry) => entry.isDeliverable(now))).toEqual([true, true, false, false, true]);
    expect(notes).toEqual([]);
    const late = await hold(startLog({ url: server.url }));
    await late.subscription.reach?.('start');
    expect([1, 2, 3, 4, 5].map((at) => late.subscription.tail.at(at)?.isDeliverable(now))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(subscription.tail.head).toBe(5);
  });
});

describe('the keys of a thread', () => {
  // whatever ids may be
  const ids = ['room/1', '部屋', 'a}b', '}', '{x}', '%7D', '%', 'a b', 'ada@example.org', '*', 'é', '~user:1'];

  it('are different ones for different ids, and stay together on one shard', async () => {
    const servers = await startRedisCluster();
    try {
      const log = startLog({ cluster: { rootNodes: servers.map(({ url }) => ({ url })) } });
      const other = startLog({ cluster: { rootNodes: servers.map(({ url }) => ({ url })) } });
      const held = await Promise.all(ids.map((threadId) => hold(other, threadId)));
      for (const threadId of ids) await log.append(draft(`of${ids.indexOf(threadId)}`, { threadId }));
      await until(() => held.every(({ entries }) => entries.length === 1));
      expect(held.map(({ entries }) => entries.map(({ id }) => id))).toEqual(ids.map((_, i) => [`of${i}`]));
      for (const threadId of ids) await expect(log.position(threadId)).resolves.toMatchObject({ offset: 1 });
    } finally {
      await Promise.all(servers.map((each) => each.stop()));
    }
  });
});

describe('where a thread stands', () => {
  it('is known longer than its log lives: nothing was missed, and offsets go on', async () => {
    const clock = new VirtualClock();
    const log = startLog({ url: server.url, clock, timeoutMs: 60_000, commandTimeoutMs: 60_000 });
    await log.append(draft('a'));
    const { epoch } = await log.position('t');
    await untilInTime(clock, async () => (await server.run(['EXISTS', 'tc:v2:{t}:position'])) === 1, 1_000);
    // as its life does
    await server.run(['DEL', 'tc:v2:{t}:log']);
    const other = startLog({ url: server.url });
    expect(await other.position('t')).toEqual({ epoch, offset: 1, id: 'a' });
    await expect(other.append(draft('b'))).resolves.toMatchObject({ entry: { offset: 2 } });
    // a log that is closed writes it at once
    await other.close();
    expect(await server.run(['GET', 'tc:v2:{t}:position'])).toBe(`${epoch} 2 b`);
  });
});
