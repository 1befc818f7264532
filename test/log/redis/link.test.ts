import { beforeEach, describe, expect, it } from 'vitest';
import type { Connector, Extent, OnTrouble, RedisConnection } from '../../../src/infra/log/redis/connections.ts';
import { RedisSession } from '../../../src/infra/log/redis/session.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

/** Connections whose answers, and whose end, the test decides about. */
class Wire implements RedisConnection {
  readonly publishCommand = 'PUBLISH';
  readonly extent: Extent;
  readonly shardOf = (key: string): string => key;
  readonly everyShard = () => [];
  readonly onTrouble: OnTrouble;
  readonly calls: ((answer: unknown) => void)[] = [];
  isDestroyed = false;

  constructor(extent: Extent, onTrouble: OnTrouble) {
    this.extent = extent;
    this.onTrouble = onTrouble;
  }

  call(): Promise<unknown> {
    return new Promise((resolve) => void this.calls.push(resolve));
  }

  subscribe(): Promise<void> {
    return Promise.resolve();
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

let clock: VirtualClock;
let wires: Wire[];
let news: string[];
/** What becomes of the next connections; those beyond are made at once. */
let makings: (() => Promise<void>)[];

beforeEach(() => {
  clock = new VirtualClock();
  wires = [];
  news = [];
  makings = [];
});

function start(extent: Extent = 'ended'): RedisSession {
  const connect: Connector = async (onTrouble) => {
    await makings.shift()?.();
    const wire = new Wire(extent, onTrouble);
    wires.push(wire);
    return wire;
  };
  const settings = { commandTimeoutMs: 2_000, connectTimeoutMs: 4_000, clock, random: () => 1 };
  return new RedisSession(connect, settings, {
    onUp: () => news.push('up'),
    onDown: () => news.push('down'),
    onTick: () => {},
  });
}

const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => (error instanceof Error ? error.message : error));

describe('the way to Redis', () => {
  it('gives connections up whose command has no answer, and fails what was under way', async () => {
    const link = start();
    await clock.settle();
    const lost = outcomeOf(link.call('k', ['GET', 'k']));
    await clock.advance(2_500);
    expect(await lost).toBe('Redis has not answered a command for 2000 ms');
    expect(wires.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false]);
    expect(news).toEqual(['up', 'down', 'up']);
    const next = link.call('k', ['GET', 'k']);
    wires[1]?.calls[0]?.('v');
    expect(await next).toBe('v');
    link.close();
  });

  it('uses what is left of the connections of several shards until there are new ones', async () => {
    const link = start('partial');
    await clock.settle();
    const lost = outcomeOf(link.call('a', ['GET', 'a']));
    // Redis is not found at first
    makings.push(() => Promise.reject(new Error('refused')));
    await clock.advance(2_250);
    expect(news).toEqual(['up', 'down']);
    const other = link.call('b', ['GET', 'b']);
    wires[0]?.calls[1]?.('v');
    expect(await other).toBe('v');
    expect(wires).toHaveLength(1);
    await clock.advance(1_000);
    expect(wires.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false]);
    expect(news).toEqual(['up', 'down', 'down', 'up']);
    expect(await lost).toContain('has not answered');
    link.close();
  });

  it('judges nobody when its own event loop was late', async () => {
    const link = start();
    await clock.settle();
    const slow = link.call('k', ['GET', 'k']);
    await clock.freeze(10_000);
    wires[0]?.calls[0]?.('late');
    expect(await slow).toBe('late');
    expect(news).toEqual(['up']);
    link.close();
  });

  it('waits longer each time that it finds nothing, and not at all when it is closed', async () => {
    const tries: number[] = [];
    for (let i = 0; i < 9; i++)
      makings.push(() => {
        tries.push(clock.now());
        return Promise.reject(new Error('refused'));
      });
    const link = start();
    await clock.advance(10_000);
    expect(tries.map((at, i) => at - (tries[i - 1] ?? 0))).toEqual([0, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    link.close();
    await clock.settle();
    expect(clock.pending).toBe(0);
    await expect(link.whenUp()).rejects.toThrow('log has been closed');
  });

  it('ends a connection that is made in the moment of the close', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    makings.push(() => promise);
    const link = start();
    resolve();
    queueMicrotask(() => queueMicrotask(() => link.close()));
    await clock.settle();
    expect(wires.every(({ isDestroyed }) => isDestroyed)).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
