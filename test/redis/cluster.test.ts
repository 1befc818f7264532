import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, names, startLog, until } from '../support/redis-nodes.ts';
import { failOver, moveSlot, startRedisCluster, startReplica, type RedisServer } from '../support/redis-server.ts';

let servers: RedisServer[];
let cluster: { readonly rootNodes: { readonly url: string }[] };

beforeAll(async () => {
  servers = await startRedisCluster();
  cluster = { rootNodes: servers.map(({ url }) => ({ url })) };
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** The connections that are subscribed, and how many channels each has. */
async function listenersOf(masters: readonly RedisServer[]): Promise<{ id: string; channels: number }[]> {
  const lists = await Promise.all(masters.map((server) => server.run(['CLIENT', 'LIST', 'TYPE', 'pubsub'])));
  return [...lists.join('\n').matchAll(/\b(id=\d+ addr=\S+).* ssub=(\d+)/g)].map(([, id = '', channels]) => ({
    id,
    channels: Number(channels),
  }));
}

describe('a Redis Cluster', () => {
  it('keeps the connection of a shard of which no thread is read any more', async () => {
    const log = startLog({ cluster });
    const { subscription } = await hold(log, 'only');
    const before = await listenersOf(servers);
    expect(before).toMatchObject([{ channels: 1 }]);
    subscription.unsubscribe();
    await until(async () => (await listenersOf(servers)).every(({ channels }) => channels === 0));
    const again = await hold(log, 'only');
    expect(await listenersOf(servers)).toEqual(before);
    again.subscription.unsubscribe();
  });

  it('moves a slot to another master: who reads there hears what comes', async () => {
    // no time passes for this node: neither a probe nor a comparison finds what its subscription does not bring
    const [here, there] = [startLog({ cluster }), startLog({ cluster, clock: new VirtualClock() })];
    const threads = names(1, 6, 'moving');
    const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
    const appendEverywhere = (id: string) =>
      Promise.all(threads.map(async (threadId) => here.append(draft(id, { threadId }))));
    await appendEverywhere('a');
    await until(() => held.every(({ entries }) => entries.length === 1));
    await moveSlot(servers, 'tc:v2:{moving1}');
    await appendEverywhere('b');
    await until(() => held.every(({ entries }) => entries.length === 2));
    await appendEverywhere('c');
    await until(() => held.every(({ entries }) => entries.length === 3));
    for (const { entries, resets } of held) {
      expect(entries.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect(resets).toEqual([]);
    }
  });

  it('does not know all slots yet when a node connects: its threads are there when it does', async () => {
    const slot = String(await servers[0]?.run(['CLUSTER', 'KEYSLOT', 'tc:v2:{late}']));
    for (const server of servers) await server.run(['CLUSTER', 'DELSLOTS', slot]);
    const log = startLog({ cluster, timeoutMs: 20_000 });
    await log.position('another');
    const waiting = hold(log, 'late');
    const isThere = waiting.then(() => true);
    await servers[0]?.run(['CLUSTER', 'ADDSLOTS', slot]);
    expect(await isThere).toBe(true);
    const { entries } = await waiting;
    await log.append(draft('a', { threadId: 'late' }));
    await until(() => entries.length === 1);
  });

  it('fails over to a replica under load: each message is there once, on both nodes', async () => {
    const [master] = servers;
    if (master === undefined) throw new Error('no master');
    const replica = await startReplica(master, servers);
    onTestFinished(() => replica.stop());
    const patient = { cluster, timeoutMs: 20_000 };
    const [here, there] = [startLog(patient), startLog(patient)];
    const threads = names(1, 9, 'failing');
    const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
    let failing: Promise<void> | undefined;
    for (let turn = 1; turn <= 100; turn++) {
      const sent = threads.map(async (threadId) => here.append(draft(`m${turn}`, { threadId })));
      if (turn === 20) failing = failOver(replica, servers);
      await Promise.all(sent);
    }
    await failing;
    await Promise.all(threads.map(async (threadId) => here.append(draft('m101', { threadId }))));
    await until(() => held.every(({ entries }) => entries.at(-1)?.id === 'm101'));
    for (const { entries, resets } of held) {
      expect(entries.map(({ id }) => id)).toEqual(names(1, 101));
      expect(resets).toEqual([]);
    }
    await failOver(master, servers);
  });

  it('has lost a shard with more threads than are compared at a time: those of the others go on', async () => {
    const [here, there] = [startLog({ cluster }), startLog({ cluster })];
    const threads = names(1, 600, 'many');
    const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
    const [gone, ...others] = servers;
    const lost = new Set(String(await gone?.run(['PUBSUB', 'SHARDCHANNELS'])).match(/many\d+/g));
    expect(lost.size).toBeGreaterThan(128);
    const living = threads.flatMap((threadId, i) => (lost.has(threadId) ? [] : { threadId, held: held[i] }));
    const former = await listenersOf(others);
    await gone?.kill();
    // of the connections that come after it
    await until(async () => {
      const now = (await listenersOf(others)).filter(({ id }) => !former.some((each) => each.id === id));
      return now.reduce((sum, { channels }) => sum + channels, 0) === living.length;
    });
    await Promise.all(living.map(async ({ threadId }) => here.append(draft('a', { threadId }))));
    await until(() => living.every((each) => each.held?.entries.length === 1));
    await gone?.start();
  });
});
