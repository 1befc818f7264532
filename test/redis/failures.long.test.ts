import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import type { RedisLogOptions } from '../../src/redis/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { startRedisCluster, type RedisServer } from '../support/redis-server.ts';
import {
  appendAll,
  draft,
  hold,
  names,
  startLog,
  startRedis,
  until,
  untilInTime,
  type Held,
} from '../support/redis-nodes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

interface TwoNodes {
  readonly server: RedisServer;
  readonly one: Held;
  readonly two: Held;
  readonly logs: readonly [DeliveryLog, DeliveryLog];
}

async function twoNodes(args: readonly string[] = [], options: RedisLogOptions = {}): Promise<TwoNodes> {
  const server = await startRedis(args);
  const { url } = server;
  const logs = [startLog({ url, ...options }), startLog({ url, ...options })] as const;
  return { server, logs, one: await hold(logs[0]), two: await hold(logs[1]) };
}

const idsOf = ({ entries }: Held): string[] => entries.map(({ id }) => id);

describe('Redis fails over to a replica', () => {
  it('what the replica had stays, what it had not is a fork, and nothing is appended twice', async () => {
    const master = await startRedis(['--repl-diskless-sync-delay', '0']);
    const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
    await until(async () => String(await replica.run(['INFO', 'replication'])).includes('master_link_status:up'));
    const line = await startTcpProxy(master.port);
    onTestFinished(() => line.close());
    const url = `redis://127.0.0.1:${line.port}`;
    const logs = [startLog({ url, timeoutMs: 20_000 }), startLog({ url, timeoutMs: 20_000 })] as const;
    const [one, two] = [await hold(logs[0]), await hold(logs[1])];
    const acknowledged: string[] = [];
    const refused = new Map<string, unknown>();
    const sending: Promise<unknown>[] = [];
    const sender = setInterval(() => {
      const id = `m${sending.length + 1}`;
      const appended = Promise.resolve(logs[0].append(draft(id)));
      sending.push(
        appended.then(
          () => acknowledged.push(id),
          (error: unknown) => refused.set(id, error),
        ),
      );
      if (sending.length === 300) clearInterval(sender);
    }, 1);
    // a replica that has nothing yet would begin a new epoch
    await until(async () => two.entries.length > 60 && Number(await replica.run(['DBSIZE'])) > 2);
    await master.kill();
    // the address moves before the replica is one that takes writes: READONLY is an error that passes
    line.target = replica.port;
    line.cut();
    await until(() => sending.length > 150);
    await replica.run(['REPLICAOF', 'NO', 'ONE']);
    await until(() => sending.length === 300);
    await Promise.all(sending);
    const kept = (await startLog({ url: replica.url }).readAfter('t', 0, 1_000)).map(({ id }) => id);
    await until(() => one.ids().length === kept.length && two.ids().length === kept.length);
    expect([one.ids(), two.ids()]).toEqual([kept, kept]);
    expect(new Set(kept).size).toBe(kept.length);
    const lost = acknowledged.filter((id) => !kept.includes(id));
    expect(kept.length + lost.length + refused.size).toBe(300);
    // answers of the old master of which the new one knows nothing
    for (const [id, error] of refused) {
      expect(error).toMatchObject({ code: 'TC_LOG_UNAVAILABLE', reason: 'Redis has lost the message again' });
      expect(kept).not.toContain(id);
    }
    // replication is behind by what was on its way, and whoever had that is told
    const forks = [...one.resets, ...two.resets];
    expect(forks.every(({ why }) => why === 'fork')).toBe(true);
    expect(lost.length === 0 || forks.length > 0).toBe(true);
  });
});

describe('Redis is killed and comes back', () => {
  it('with all it had: appends under way are done once, in their order, and nobody misses any', async () => {
    // as long as the machine takes to start it again
    const { server, one, two, logs } = await twoNodes(DURABLE, { timeoutMs: 20_000 });
    await appendAll(logs[0], names(1, 20));
    const sending: Promise<unknown>[] = [];
    const sender = setInterval(() => {
      const id = `m${21 + sending.length}`;
      sending.push(Promise.resolve(logs[0].append(draft(id))));
      if (sending.length === 380) clearInterval(sender);
    }, 1);
    await until(() => two.entries.length > 60);
    await server.kill();
    await server.start();
    await until(() => sending.length === 380);
    await Promise.all(sending);
    await until(() => one.entries.length >= 400 && two.entries.length >= 400);
    expect(idsOf(one)).toEqual(names(1, 400));
    expect(idsOf(two)).toEqual(names(1, 400));
    expect([...one.resets, ...two.resets]).toEqual([]);
  });

  it('with nothing: both nodes are told of a new epoch, and go on in it', async () => {
    const { server, one, two, logs } = await twoNodes();
    await appendAll(logs[0], names(1, 5));
    const { epoch } = one.subscription.tail;
    await server.kill();
    await server.start();
    await until(() => one.resets.length === 1 && two.resets.length === 1);
    expect([one.resets, two.resets]).toEqual([[{ why: 'epoch', after: 0 }], [{ why: 'epoch', after: 0 }]]);
    await logs[1].append(draft('new'));
    await until(() => one.subscription.tail.head === 1 && two.subscription.tail.head === 1);
    expect([one.ids(), two.ids()]).toEqual([['new'], ['new']]);
    expect(one.subscription.tail.epoch).not.toBe(epoch);
    expect(one.subscription.tail.epoch).toBe(two.subscription.tail.epoch);
  });

  it('from an older snapshot, and has written others since: a fork, from where the histories part', async () => {
    const { server, one, two, logs } = await twoNodes();
    await appendAll(logs[0], names(1, 10));
    await server.run(['SAVE']);
    await appendAll(logs[0], names(11, 20));
    await until(() => two.entries.length === 20);
    await server.kill();
    await server.start();
    // a third node writes under the old offsets, before these two are back or after: both must be seen
    const third = startLog({ url: server.url });
    await appendAll(third, names(1, 15, 'new'));
    await until(() => one.subscription.tail.head === 25 && two.subscription.tail.head === 25);
    const now = [...names(1, 10), ...names(1, 15, 'new')];
    for (const { subscription, resets } of [one, two]) {
      expect(resets).toEqual([{ why: 'fork', after: 10 }]);
      const ids = Array.from({ length: 25 }, (_, i) => subscription.tail.at(i + 1)?.id);
      expect(ids).toEqual(now);
    }
    expect(one.entries.slice(20).map(({ id }) => id)).toEqual(names(1, 15, 'new'));
  });

  it('from an older snapshot and is quiet: a fork all the same', async () => {
    const { server, one, logs } = await twoNodes();
    await appendAll(logs[0], names(1, 10));
    await server.run(['SAVE']);
    await appendAll(logs[0], names(11, 12));
    await server.kill();
    await server.start();
    await until(() => one.resets.length === 1);
    expect(one.resets).toEqual([{ why: 'fork', after: 10 }]);
    expect(one.ids()).toEqual(names(1, 10));
    // a retry of what Redis has lost is a new message, and one of what it has kept is not
    const again = await Promise.all([logs[0].append(draft('m11')), logs[0].append(draft('m3'))]);
    expect(again.map(({ entry, isDuplicate }) => [entry.offset, isDuplicate])).toEqual([
      [11, false],
      [3, true],
    ]);
  });
});

describe('Redis does not answer', () => {
  let clock: VirtualClock;

  beforeEach(() => {
    clock = new VirtualClock();
  });

  it('for too long: appends fail in time, as many as there may be; then all goes on', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url, clock, maxPending: 50, timeoutMs: 5_000, commandTimeoutMs: 10_000 });
    const held = await hold(log);
    await log.append(draft('before'));
    server.freeze();
    const waiting = names(1, 60).map(async (id) => log.append(draft(id)));
    for (const each of waiting) each.catch(() => {});
    // without any time
    const refused = await Promise.allSettled(waiting.slice(50));
    await clock.advance(5_000 + 250);
    const late = await Promise.allSettled(waiting.slice(0, 50));
    for (const outcome of [...refused, ...late]) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TC_LOG_UNAVAILABLE', threadId: 't' } });
    }
    server.thaw();
    const retried = [...(await appendAll(log, names(1, 30))), ...(await appendAll(log, names(31, 60)))];
    expect(new Set(retried).size).toBe(60);
    await until(() => held.subscription.tail.head === 61);
    expect(idsOf(held).toSorted()).toEqual(['before', ...names(1, 60)].toSorted());
  });

  it('and messages are to be delivered locally', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url, clock, timeoutMs: 300, whenUnavailable: 'deliver-locally' });
    await hold(log);
    server.freeze();
    const appended = log.append(draft('a', { lane: 'critical' }));
    await clock.advance(500);
    const { entry, isDuplicate } = await appended;
    expect([entry.offset, entry.lane, entry.id, isDuplicate]).toEqual([0, 'volatile', 'a', false]);
    expect(entry.body.isAlive).toBe(true);
    server.thaw();
  });

  it('tells when it is lost and when it is found', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url, clock, commandTimeoutMs: 60_000 });
    const news: (string | undefined)[] = [];
    await hold(log);
    log.watch?.((error) => news.push(error === undefined ? undefined : 'lost'));
    await server.kill();
    await untilInTime(clock, () => news.length === 1);
    await server.start();
    await untilInTime(clock, () => news.length === 2);
    expect(news).toEqual(['lost', undefined]);
  });

  it('never has: a subscription fails in time, and works when it does', async () => {
    const server = await startRedis();
    server.freeze();
    const log = startLog({ url: server.url, clock, timeoutMs: 300, commandTimeoutMs: 60_000 });
    const outcomes = Promise.allSettled([hold(log), Promise.resolve(log.position('t'))]);
    await clock.advance(300);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TC_LOG_UNAVAILABLE' } });
    }
    server.thaw();
    await expect(hold(log)).resolves.toMatchObject({ entries: [] });
  });

  it('while the log is closed: what waits fails, and nobody waits for Redis', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url, clock });
    await hold(log);
    server.freeze();
    const waiting = [log.append(draft('a')), hold(log, 'other')].map(async (each): Promise<unknown> => each);
    const outcomes = Promise.allSettled(waiting);
    const closing = log.close();
    await clock.advance(300);
    await closing;
    await clock.advance(1_000);
    for (const outcome of await outcomes) {
      const reason = { code: 'TC_LOG_UNAVAILABLE', reason: 'log has been closed' };
      expect(outcome).toMatchObject({ status: 'rejected', reason });
    }
    await expect(log.append(draft('b'))).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
    expect(clock.pending).toBe(0);
    server.thaw();
  });
});

describe('the way to Redis', () => {
  it('is silent for one node: it finds that out, comes back by itself, and has missed nothing', async () => {
    const server = await startRedis();
    const proxy = await startTcpProxy(server.port);
    const url = `redis://127.0.0.1:${proxy.port}`;
    const [near, far] = [startLog({ url: server.url }), startLog({ url, timeoutMs: 1_500 })];
    const held = await hold(far);
    await appendAll(near, names(1, 5));
    await until(() => held.entries.length === 5);
    proxy.blackHole();
    const lost = far.append(draft('lost'));
    await expect(lost).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
    await appendAll(near, names(6, 50));
    proxy.restore();
    await until(() => idsOf(held).includes('m50'));
    // what was on its way when the line went silent may come yet: not known whether done, and never twice
    expect(idsOf(held).filter((id) => id !== 'lost')).toEqual(names(1, 50));
    expect(idsOf(held).filter((id) => id === 'lost').length).toBeLessThanOrEqual(1);
    await proxy.close();
  });

  it('breaks at any moment: each append is there once, in order, on both nodes', async () => {
    const server = await startRedis();
    const proxy = await startTcpProxy(server.port);
    const patient = { timeoutMs: 20_000 };
    const near = startLog({ url: server.url });
    const far = startLog({ url: `redis://127.0.0.1:${proxy.port}`, ...patient });
    const [one, two] = [await hold(near), await hold(far)];
    for (let i = 1; i <= 400; i += 8) {
      const appended = appendAll(far, names(i, i + 7));
      if (i % 80 === 1) {
        // at another point of the way each time
        await new Promise((resolve) => void setTimeout(resolve, i / 20));
        proxy.cut();
      }
      await appended;
    }
    await until(() => one.entries.length >= 400 && two.entries.length >= 400);
    expect(idsOf(one)).toEqual(names(1, 400));
    expect(idsOf(two)).toEqual(names(1, 400));
    await proxy.close();
  });

  it('loses the subscription alone: what was missed is found', async () => {
    const { server, two, logs } = await twoNodes();
    await server.run(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
    await appendAll(logs[0], names(1, 20));
    await until(() => two.entries.length === 20);
    expect(idsOf(two)).toEqual(names(1, 20));
  });
});

describe('one shard of a cluster is gone', () => {
  it('threads on the others go on, and its own when it is back', async () => {
    const servers = await startRedisCluster();
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
    const cluster = { rootNodes: servers.map(({ url }) => ({ url })) };
    const [here, there] = [startLog({ cluster, timeoutMs: 10_000 }), startLog({ cluster, timeoutMs: 10_000 })];
    const threads = names(1, 12);
    const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
    const appendEverywhere = (id: string) =>
      Promise.allSettled(threads.map(async (threadId) => here.append(draft(id, { threadId }))));
    await appendEverywhere('a');
    await until(() => held.every(({ entries }) => entries.length === 1));
    await servers[0]?.kill();
    const during = appendEverywhere('b');
    // those of the other shards do not wait for it
    await until(() => held.filter(({ entries }) => entries.length === 2).length >= 4);
    await servers[0]?.start();
    expect((await during).filter(({ status }) => status === 'rejected')).toEqual([]);
    await until(() => held.every(({ entries }) => entries.at(-1)?.id === 'b'));
    for (const { entries, resets } of held) {
      expect(entries.map(({ id }) => id)).toEqual(['a', 'b']);
      // it had nothing on its disk
      expect(resets.length === 0 || resets[0]?.why === 'epoch').toBe(true);
    }
    expect(held.some(({ resets }) => resets.length === 1)).toBe(true);
  });
});
