import { afterAll, beforeAll, expect, it } from 'vitest';
import { layoutKeys } from '../../src/infra/log/redis/layout.ts';
import { draft, hold, names, startLog, until } from '../support/redis-nodes.ts';
import { startRedisCluster, type RedisServer } from '../support/redis-server.ts';

let servers: RedisServer[];

beforeAll(async () => {
  servers = await startRedisCluster();
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

const logKey = layoutKeys('tc').thread('moving').log;

interface Move {
  readonly source: RedisServer;
  readonly target: RedisServer;
  readonly finish: () => Promise<void>;
}

/** Begins to move the slot of a thread, as an operator does, and leaves it there. */
async function beginMove(): Promise<Move> {
  const slot = String(await servers[0]?.run(['CLUSTER', 'KEYSLOT', logKey]));
  const ids = await Promise.all(servers.map(async (server) => String(await server.run(['CLUSTER', 'MYID']))));
  const counts = await Promise.all(servers.map((server) => server.run(['CLUSTER', 'COUNTKEYSINSLOT', slot])));
  const from = counts.findIndex((count) => Number(count) > 0);
  const to = (from + 1) % servers.length;
  const [source, target, targetId = ''] = [servers[from], servers[to], ids[to]];
  if (source === undefined || target === undefined) throw new Error('no master has the slot');
  await target.run(['CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] ?? '']);
  await source.run(['CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId]);
  const finish = async (): Promise<void> => {
    for (const server of [target, source, ...servers]) await server.run(['CLUSTER', 'SETSLOT', slot, 'NODE', targetId]);
  };
  return { source, target, finish };
}

const moveKey = (source: RedisServer, target: RedisServer, key: string): Promise<unknown> =>
  source.run(['MIGRATE', '127.0.0.1', String(target.port), key, '0', '5000']);

it('a slot that migrates takes every append, and all who read hear of it at once, whichever key has moved', async () => {
  const cluster = { rootNodes: servers.map(({ url }) => ({ url })) };
  const [here, there] = [startLog({ cluster }), startLog({ cluster })];
  const held = await hold(there, 'moving');
  there.announce?.('moving', 2);
  let sent = 0;
  const appendSome = async (): Promise<void> => {
    for (const id of names(sent + 1, sent + 50)) {
      const bytes = id.endsWith('7') ? { bytes: 200_000 } : {};
      await here.append(draft(id, { threadId: 'moving', ...bytes }));
    }
    sent += 50;
    await until(() => held.entries.length === sent);
  };
  await appendSome();
  const { source, target, finish } = await beginMove();
  // all keys are where they were
  await appendSome();
  // the log has moved, the others have not; those who listen do so at the source
  await moveKey(source, target, logKey);
  await appendSome();
  // a node that comes now reads all of it, and resumes
  const late = await hold(startLog({ cluster }), 'moving');
  await late.subscription.reach?.('start');
  expect(late.ids()).toEqual(names(1, sent));
  expect(await here.membersElsewhere?.('moving')).toBe(2);
  await appendSome();
  await finish();
  await appendSome();
  expect(held.entries.map(({ id }) => id)).toEqual(names(1, sent));
  expect(held.resets).toEqual([]);
  expect(late.resets).toEqual([]);
});

it('a thread may begin in a slot that migrates', async () => {
  const cluster = { rootNodes: servers.map(({ url }) => ({ url })) };
  const log = startLog({ cluster });
  const [source] = servers;
  // the first thread of the slot: whatever the cluster thinks of the keys that are not there
  await log.append(draft('a', { threadId: 'moving' }));
  const move = await beginMove();
  const key = layoutKeys('other').thread('moving').log;
  expect(await source?.run(['CLUSTER', 'KEYSLOT', key])).toBe(await source?.run(['CLUSTER', 'KEYSLOT', logKey]));
  const [one, two] = [startLog({ cluster, prefix: 'other' }), startLog({ cluster, prefix: 'other' })];
  const held = await hold(one, 'moving');
  for (const id of names(1, 10)) await two.append(draft(id, { threadId: 'moving' }));
  await until(() => held.entries.length === 10);
  expect(held.entries.map(({ id }) => id)).toEqual(names(1, 10));
  await moveKey(move.source, move.target, logKey);
  await move.finish();
});
