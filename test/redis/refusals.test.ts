import { describe, expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describe('Redis says no', () => {
  it('because a replica is missing: whoever asks waits for it, as whoever sends does', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url, timeoutMs: 20_000 });
    await log.append(draft('a'));
    await server.run(['CONFIG', 'SET', 'min-replicas-to-write', '1']);
    const acts = [() => log.append(draft('b')), () => log.position('new'), () => log.readAfter('other', 0, 10)];
    const waiting = acts.map(async (act): Promise<unknown> => act());
    const refused = async (): Promise<number> =>
      Number(/errorstat_NOREPLICAS:count=(\d+)/.exec(String(await server.run(['INFO', 'errorstats'])))?.[1] ?? 0);
    await until(async () => (await refused()) >= 3);
    await server.run(['CONFIG', 'SET', 'min-replicas-to-write', '0']);
    expect(await Promise.allSettled(waiting)).toMatchObject(waiting.map(() => ({ status: 'fulfilled' })));
  });

  it('because it is a replica now: a node that only reads looks for the new master as well', async () => {
    const [former, next] = [await startRedis(['--repl-diskless-sync-delay', '0']), await startRedis()];
    const line = await startTcpProxy(former.port);
    onTestFinished(() => line.close());
    const clock = new VirtualClock();
    const log = startLog({ url: `redis://127.0.0.1:${line.port}`, clock, timeoutMs: 60_000, commandTimeoutMs: 60_000 });
    const { entries } = await hold(log);
    await next.run(['REPLICAOF', '127.0.0.1', String(former.port)]);
    await until(async () => String(await next.run(['INFO', 'replication'])).includes('master_link_status:up'));
    // as a failover without an end of the connections
    await next.run(['REPLICAOF', 'NO', 'ONE']);
    await former.run(['REPLICAOF', '127.0.0.1', String(next.port)]);
    line.target = next.port;
    const isThere = async (): Promise<boolean> =>
      String(await next.run(['PUBSUB', 'CHANNELS'])).includes('tc:v2:{t}:news');
    await untilInTime(clock, isThere, 500);
    await startLog({ url: next.url }).append(draft('a'));
    await until(() => entries.length === 1);
    expect(entries.map(({ id }) => id)).toEqual(['a']);
  });
});
