import { describe, expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until, untilInTime } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** How many connections listen to a thread's channel. */
async function listeners(server: RedisServer, threadId = 't'): Promise<number> {
  const [, count] = Object(await server.run(['PUBSUB', 'NUMSUB', `tc:v2:{${threadId}}:news`]));
  return Number(count);
}

describe('the subscription of a thread', () => {
  it('is there when the thread is read again before it has been taken back', async () => {
    const server = await startRedis();
    const log = startLog({ url: server.url });
    const { subscription } = await hold(log);
    subscription.unsubscribe();
    const again = await hold(log);
    await startLog({ url: server.url }).append(draft('a'));
    // in the order of the commands: whatever was to be taken back has been
    await log.position('t');
    expect(await listeners(server)).toBe(1);
    await until(() => again.entries.length === 1);
  });

  it('is there when the thread is read again while the first subscribe, given up, has no answer yet', async () => {
    const server = await startRedis();
    const line = await startTcpProxy(server.port);
    onTestFinished(() => line.close());
    const clock = new VirtualClock();
    const log = startLog({ url: `redis://127.0.0.1:${line.port}`, clock, timeoutMs: 400, commandTimeoutMs: 100_000 });
    await log.position('t');
    line.blackHole();
    const first = hold(log);
    first.catch(() => {});
    await clock.advance(400);
    await expect(first).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
    const second = hold(log);
    await clock.settle();
    line.restore();
    const { subscription, entries } = await second;
    await log.position('t');
    expect(await listeners(server)).toBe(1);
    await startLog({ url: server.url }).append(draft('a'));
    await until(() => entries.length === 1);
    subscription.unsubscribe();
    await until(async () => (await listeners(server)) === 0);
  });

  it('is not made where whoever wanted to read has given up before Redis came back', async () => {
    const server = await startRedis();
    const line = await startTcpProxy(server.port);
    onTestFinished(() => line.close());
    const clock = new VirtualClock();
    const log = startLog({
      url: `redis://127.0.0.1:${line.port}`,
      clock,
      timeoutMs: 60_000,
      commandTimeoutMs: 100_000,
    });
    await log.position('t');
    line.blackHole();
    line.cut();
    const waiting = hold(log);
    waiting.catch(() => {});
    await clock.advance(60_000);
    await expect(waiting).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
    line.restore();
    let isBack = false;
    const other = hold(log, 'other');
    void other.finally(() => (isBack = true));
    await untilInTime(clock, () => isBack, 100);
    const { subscription } = await other;
    await log.position('t');
    expect([await listeners(server, 'other'), await listeners(server)]).toEqual([1, 0]);
    subscription.unsubscribe();
  });
});
