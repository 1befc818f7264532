import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/testing/index.ts';
import { draft, hold, names, startLog, until } from '../../support/redis-nodes.ts';
import { moveSlot, startRedisCluster, type RedisServer } from '../../support/redis-server.ts';

let servers: RedisServer[];
let cluster: { readonly rootNodes: { readonly url: string }[] };

beforeAll(async () => {
  servers = await startRedisCluster();
  cluster = { rootNodes: servers.map(({ url }) => ({ url })) };
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

/** What all of the masters answer, one after the other. */
async function everywhere(command: string[]): Promise<string> {
  return (await Promise.all(servers.map((server) => server.run(command)))).join('\n');
}

describe('a Redis Cluster', () => {
  it('keeps the connection of a shard of which no thread is read any more', async () => {
    const log = startLog({ cluster });
    const listeners = async (): Promise<string[]> =>
      [...(await everywhere(['CLIENT', 'LIST', 'TYPE', 'pubsub'])).matchAll(/\bid=\d+ addr=\S+/g)].map(([id]) => id);
    const { subscription } = await hold(log, 'only');
    const before = await listeners();
    subscription.unsubscribe();
    await until(async () => !(await everywhere(['PUBSUB', 'SHARDCHANNELS'])).includes('only'));
    const again = await hold(log, 'only');
    expect(before).toHaveLength(1);
    expect(await listeners()).toEqual(before);
    again.subscription.unsubscribe();
  });

  it('moves a slot to another master: who reads there hears what comes', async () => {
    // no time passes for this node: neither a probe nor a comparison finds what its subscription does not bring
    const [here, there] = [startLog({ cluster }), startLog({ cluster, clock: new VirtualClock() })];
    const threads = names(1, 6, 'moving');
    const held = await Promise.all(threads.map((threadId) => hold(there, threadId)));
    const appendEverywhere = (id: string) =>
      Promise.all(threads.map((threadId) => here.append(draft(id, { threadId }))));
    await appendEverywhere('a');
    await until(() => held.every(({ entries }) => entries.length === 1));
    await moveSlot(servers, 'tc:{moving1}');
    await appendEverywhere('b');
    await until(() => held.every(({ entries }) => entries.length === 2));
    await appendEverywhere('c');
    await until(() => held.every(({ entries }) => entries.length === 3));
    for (const { entries, resets } of held) {
      expect(entries.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
      expect(resets).toEqual([]);
    }
  });
});
