import { beforeEach, describe, expect, it } from 'vitest';
import { LivingNodes } from '../../../src/infra/log/shared/living-nodes.ts';
import { redisBeats } from '../../../src/infra/log/redis/beats.ts';
import { resolveRedisLog } from '../../../src/infra/log/redis/options.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

/** Redis as far as `BEAT` needs it. */
class Beats {
  readonly times = new Map<string, number>();
  isReachable = true;
  reads = 0;
  readonly connection = {};
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async run(_script: unknown, _keys: unknown, args: readonly (string | Buffer)[]): Promise<unknown> {
    if (!this.isReachable) throw new Error('not reachable');
    this.reads++;
    const node = String(args[1]);
    const before = this.times.get(node) ?? '';
    this.times.set(node, this.#clock.now());
    return [this.#clock.now(), before, ...[...this.times].flat()].map(String);
  }

  async call(): Promise<unknown> {
    return 0;
  }
}

let clock: VirtualClock;
let redis: Beats;
let nodes: LivingNodes;
let isOtherUp: boolean;

beforeEach(() => {
  clock = new VirtualClock(1_000_000);
  redis = new Beats(clock);
  const settings = resolveRedisLog({ clock });
  nodes = new LivingNodes(redisBeats(redis, settings), settings);
  isOtherUp = true;
  redis.times.set('other', clock.now());
});

/** Time passes for both nodes; the other one reports each second while it is up and Redis can be reached. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    await clock.advance(250);
    if (isOtherUp && redis.isReachable && clock.now() % 1_000 === 0) redis.times.set('other', clock.now());
    nodes.tick();
    await clock.settle();
  }
}

const isAlive = async (id = 'other'): Promise<boolean> => (await nodes.among([id])).isAlive(id);
const isGone = async (id: string): Promise<boolean> => (await nodes.among([id])).isGone(id);

describe('a node', () => {
  it('is alive while it reports, and for ten seconds more', async () => {
    await pass(30_000);
    expect(await isAlive()).toBe(true);
    isOtherUp = false;
    await pass(9_000);
    expect(await isAlive()).toBe(true);
    await pass(3_000);
    expect(await isAlive()).toBe(false);
    isOtherUp = true;
    await pass(2_000);
    expect(await isAlive()).toBe(true);
  });

  it('outlives a Redis that cannot be reached, and has ten seconds to report again', async () => {
    await pass(5_000);
    redis.isReachable = false;
    await pass(60_000);
    redis.isReachable = true;
    isOtherUp = false;
    await pass(4_000);
    expect(await isAlive()).toBe(true);
    await pass(12_000);
    expect(await isAlive()).toBe(false);
  });

  it('outlives a Redis that has lost its data', async () => {
    await pass(5_000);
    redis.times.clear();
    isOtherUp = false;
    await pass(4_000);
    expect(await isAlive()).toBe(true);
    await pass(12_000);
    expect(await isAlive()).toBe(false);
  });

  it('that is not known is asked for anew, once', async () => {
    expect(await isAlive('new')).toBe(false);
    const { reads } = redis;
    expect(await isAlive('new')).toBe(false);
    expect(redis.reads).toBe(reads);
    // it reports before it leaves anything behind
    redis.times.set('newer', clock.now());
    expect(await isAlive('newer')).toBe(true);
  });

  it('is gone when Redis has not known it for a minute, not before', async () => {
    expect(await isGone('left')).toBe(false);
    await pass(59_000);
    expect(await isGone('left')).toBe(false);
    await pass(2_000);
    expect(await isGone('left')).toBe(true);
    redis.times.set('left', clock.now());
    await pass(4_000);
    expect([await isGone('left'), await isAlive('left')]).toEqual([false, true]);
    // known, though it does not report any more
    isOtherUp = false;
    await pass(300_000);
    expect([await isGone('other'), await isAlive()]).toEqual([false, false]);
  });
});

it('a claim is void only when a node is dead at this very moment, and a node reports before it claims', async () => {
  await pass(4_000);
  isOtherUp = false;
  await pass(14_000);
  expect(await isAlive()).toBe(false);
  redis.times.set('other', clock.now());
  // what was read within the last second is good enough for a list, but not for a claim
  expect(await isAlive()).toBe(false);
  expect(await nodes.isDead('other')).toBe(false);
  const { reads } = redis;
  await nodes.reported();
  expect(redis.reads).toBe(reads);
  // this process stood still
  await clock.advance(60_000);
  await nodes.reported();
  expect(redis.reads).toBe(reads + 1);
});

it('a node that says farewell does not report again', async () => {
  await pass(4_000);
  nodes.farewell();
  const { reads } = redis;
  await pass(10_000);
  await expect(nodes.among(['new'])).rejects.toThrow('closed');
  expect(redis.reads).toBe(reads);
});
