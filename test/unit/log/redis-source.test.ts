import { describe, expect, it } from 'vitest';
import type { Connector } from '../../../src/infra/log/redis/connections.ts';
import { RedisSession } from '../../../src/infra/log/redis/session.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { StreamReader } from '../../../src/infra/log/redis/stream-reader.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

describe('the source of a thread', () => {
  it('asks for less where a page is too much for the way', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    // a line that takes longer than a command may for more than five messages
    const connect: Connector = () =>
      Promise.resolve({
        publishCommand: 'PUBLISH',
        extent: 'ended',
        call: (_key, args) => {
          const count = Number(args.at(-1));
          asked.push(count);
          const entry = ['1-0', ['i', 'm', 'h', '{}', 'd', Buffer.from('1')]];
          return count > 5 ? new Promise(() => {}) : Promise.resolve([entry]);
        },
        subscribe: () => Promise.resolve(),
        unsubscribe: () => Promise.resolve(),
        destroy: () => {},
      });
    const timing = { commandTimeoutMs: 2_000, connectTimeoutMs: 2_000, clock, random: () => 0.5 };
    const link = new RedisSession(connect, timing, { onUp: () => {}, onDown: () => {}, onTick: () => {} });
    const source = new StreamReader('t', link, resolveRedisLog({ clock }));
    await link.whenUp();
    let entries: readonly unknown[] = [];
    for (let tries = 0; tries < 4 && entries.length === 0; tries++) {
      const page = source.after(1, 'e').catch(() => []);
      await clock.advance(3_000);
      entries = await page;
    }
    expect(asked).toEqual([64, 16, 4]);
    expect(entries).toHaveLength(1);
    link.close();
  });
});
