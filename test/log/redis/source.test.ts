import { describe, expect, it } from 'vitest';
import type { Connector } from '../../../src/infra/log/redis/connections.ts';
import { LogReader } from '../../../src/infra/log/redis/log-reader.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { READ } from '../../../src/infra/log/redis/scripts.ts';
import { RedisSession } from '../../../src/infra/log/redis/session.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

const PIECE = Buffer.alloc(65_536, 'x');

describe('the source of a thread', () => {
  it('asks again only for the pieces of a large message that have not come', async () => {
    const clock = new VirtualClock();
    const asked: string[] = [];
    let isBroken = true;
    const connect: Connector = () =>
      Promise.resolve({
        publishCommand: 'PUBLISH',
        extent: 'ended',
        shardOf: () => '',
        everyShard: () => [],
        call: (_key, [command, sha, field]) => {
          if (command === 'SCRIPT') return Promise.resolve(null);
          if (command === 'EVALSHA')
            return Promise.resolve(
              sha === READ.sha ? ['e', 1, Buffer.from('L0 m n.1 5 327680 2 {}')] : ['e', 1, 'm', '0'],
            );
          asked.push(String(field));
          if (isBroken && asked.length === 4) return Promise.reject(new Error('the line broke'));
          return Promise.resolve(PIECE);
        },
        subscribe: () => Promise.resolve(),
        unsubscribe: () => Promise.resolve(),
        destroy: () => {},
      });
    const timing = { commandTimeoutMs: 2_000, connectTimeoutMs: 2_000, clock, random: () => 0.5 };
    const link = new RedisSession(connect, timing, { onUp: () => {}, onDown: () => {}, onTick: () => {} });
    const source = new LogReader('t', link, resolveRedisLog({ clock }));
    await link.whenUp();
    await expect(source.after(1, 'e')).rejects.toThrow('the line broke');
    const former = asked.splice(0);
    isBroken = false;
    const [entry] = await source.after(1, 'e');
    expect(entry?.body?.reduce((sum, { length }) => sum + length, 0)).toBe(327_680);
    expect(asked).not.toContain(former[0]);
    expect(new Set([...former, ...asked]).size).toBe(5);
    link.close();
  });
});
