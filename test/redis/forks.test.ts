import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { appendAll, draft, hold, names, startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

// the log was lost, with messages that the thread's position does not count: it continues in its epoch, from where the position was

let server: RedisServer;
let there: DeliveryLog;

beforeEach(async () => {
  server = await startRedis();
  there = startLog({ url: server.url });
});

/** Its routine looks, which would find the loss in between, do not come. */
const reader = (): DeliveryLog => startLog({ url: server.url, clock: new VirtualClock() });

async function append(id: string): Promise<string> {
  const { epoch, entry } = await there.append(draft(id));
  return `${epoch} ${entry.offset} ${id}`;
}

async function loseLog(position: string): Promise<void> {
  await server.run(['SET', 'tc:v2:{t}:position', position]);
  await server.run(['DEL', 'tc:v2:{t}:log']);
}

it('a reader that has another message at the same offset gets the new one', async () => {
  const { entries, resets } = await hold(reader());
  const position = await append('a');
  await append('b');
  await until(() => entries.length === 2);
  await loseLog(position);
  expect(await append('c')).toBe(position.replace('1 a', '2 c'));
  await append('d');
  await until(() => entries.at(-1)?.id === 'd');
  expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['1 a', '2 b', '2 c', '3 d']);
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
});

it('a reader that holds nothing gets what is at the offset where it was', async () => {
  const position = await append('a');
  await append('b');
  const { entries, resets } = await hold(reader());
  await loseLog(position);
  await append('c');
  await until(() => entries.at(-1)?.id === 'c');
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
  await append('d');
  await until(() => entries.at(-1)?.id === 'd');
  expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['2 c', '3 d']);
});

it('a reader that is beyond the log’s end gets all that is new, and nothing twice', async () => {
  for (const id of ['a', 'b', 'c', 'd']) await append(id);
  const { entries, resets } = await hold(reader());
  const last = await append('e');
  await until(() => entries.length === 1);
  const [epoch] = last.split(' ');
  await loseLog(`${epoch} 1 a`);
  // the log's time is in milliseconds: what it gets now is newer than what it had
  await new Promise((resolve) => void setTimeout(resolve, 5));
  await append('f');
  // offsets that the reader has passed, up to one whose message it has
  for (const id of ['g', 'h', 'i']) await append(id);
  await until(() => entries.at(-1)?.id === 'i');
  expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['5 e', '2 f', '3 g', '4 h', '5 i']);
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
});

it('an entry with a forged time, from elsewhere, hides no later loss', async () => {
  for (const id of ['a', 'b', 'c']) await append(id);
  const { entries, resets } = await hold(reader());
  const [epoch = ''] = (await append('d')).split(' ');
  await until(() => entries.length === 1);
  await server.run(['PUBLISH', 'tc:v2:{t}:news', `E${epoch} 5 9000000000000000 forged 2 {}1`]);
  await until(() => entries.length === 2);
  await loseLog(`${epoch} 1 a`);
  await new Promise((resolve) => void setTimeout(resolve, 5));
  // below what the reader holds
  await append('e');
  await until(() => entries.at(-1)?.id === 'e');
  expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['4 d', '5 forged', '2 e']);
  expect(resets).toEqual([{ why: 'fork', after: 1 }]);
});

/** The entry of a log at an offset becomes another one, where the server is. */
const replace = (offset: number, id: string): Promise<unknown> =>
  server.run(['HSET', 'tc:v2:{t}:log', String(offset), `E${Date.now()} ${id} 2 {}1`]);

const reconnect = (): Promise<unknown> => server.run(['CLIENT', 'KILL', 'TYPE', 'pubsub']);

describe('another entry before an equal newest one', () => {
  it('is found where another server has taken over', async () => {
    const { entries, resets } = await hold(startLog({ url: server.url }));
    const [epoch = ''] = (await append('a')).split(' ');
    for (const id of ['b', 'c']) await append(id);
    await until(() => entries.length === 3);
    // a replica that never had `b` and `c`, and was given `x`, and `c` again
    const replica = await startRedis();
    await replica.run(['SET', 'tc:v2:{t}:position', `${epoch} 0 `]);
    const other = startLog({ url: replica.url });
    await appendAll(other, ['a', 'x', 'c']);
    expect(await other.position('t')).toEqual({ epoch, offset: 3, id: 'c' });
    await replica.run(['SAVE']);
    await server.kill();
    await copyFile(join(replica.dir, 'dump.rdb'), join(server.dir, 'dump.rdb'));
    await server.start();
    await until(() => entries.length === 5);
    expect(entries.map(({ id, offset }) => `${offset} ${id}`)).toEqual(['1 a', '2 b', '3 c', '2 x', '3 c']);
    expect(resets).toEqual([{ why: 'fork', after: 1 }]);
  });

  it('is looked for on the same server only if it does not tell who it is', async () => {
    const { entries, resets } = await hold(startLog({ url: server.url }));
    for (const id of ['a', 'b', 'c']) await append(id);
    await until(() => entries.length === 3);
    await replace(2, 'x');
    await reconnect();
    await until(async () => (await there.append(draft('d'))).isDuplicate && entries.length === 4);
    expect(resets).toEqual([]);
    await server.run(['ACL', 'SETUSER', 'default', '-info']);
    await reconnect();
    await until(() => entries.length === 7);
    expect(entries.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'x', 'c', 'd']);
    expect(resets).toEqual([{ why: 'fork', after: 1 }]);
  });

  it('is found beyond a page of ids, and another thread is as it was', async () => {
    const node = startLog({ url: server.url });
    const [long, other] = [await hold(node), await hold(node, 'other')];
    await appendAll(there, names(1, 1_100));
    await there.append(draft('a', { threadId: 'other' }));
    await until(() => long.entries.length === 1_100 && other.entries.length === 1);
    await replace(200, 'x');
    await server.run(['ACL', 'SETUSER', 'default', '-info']);
    await reconnect();
    await until(() => long.entries.length === 2_001);
    expect(long.entries.slice(1_100).map(({ id }) => id)).toEqual(['x', ...names(201, 1_100)]);
    expect(long.resets).toEqual([{ why: 'fork', after: 199 }]);
    expect([other.entries.length, other.resets]).toEqual([1, []]);
  });
});
