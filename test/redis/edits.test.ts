import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Connection, type Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;
let here: Hub;
let there: Hub;

function startHub(): Hub {
  const hub = createHub({ log: startLog({ url: server.url }) });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => hub.close());
  return hub;
}

async function join(hub: Hub, from?: string): Promise<{ link: FakeLink; connection: Connection }> {
  const link = new FakeLink();
  const connection = hub.accept(link.attach);
  await connection.join('t', { from });
  return { link, connection };
}

const WORDS = ['FIRST', 'SECOND', 'THIRD', 'FOURTH', 'FIFTH', 'xxxx', 'yyyy'];

/** How a key is read, by its type; a text otherwise. */
const READ: Readonly<Record<string, readonly string[]>> = {
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1'],
};

/** Which of the words are anywhere in Redis. */
async function contents(): Promise<string[]> {
  const keys = await server.run(['KEYS', '*']);
  if (!Array.isArray(keys)) throw new TypeError('no keys');
  const texts = await Promise.all(
    keys.map(async (key) => {
      const type = String(await server.run(['TYPE', String(key)]));
      const read = READ[type] ?? ['GET'];
      return JSON.stringify(await server.run([read[0] ?? 'GET', String(key), ...read.slice(1)]));
    }),
  );
  return WORDS.filter((word) => texts.some((text) => text.includes(word)));
}

const dataOf = (link: FakeLink): unknown[] => framesOf(link, 'msg').map(({ d }) => d);

beforeEach(async () => {
  server = await startRedis();
  here = startHub();
  there = startHub();
});

it('edits and removals reach the members of the other node, and history is the same on both', async () => {
  const [one, two] = [await join(here), await join(there)];
  const { id } = await here.thread('t').send('helo');
  await there.thread('t').send('other');
  await there.thread('t').send('hello', { replaces: id });
  for (const { link } of [one, two]) await until(() => dataOf(link).length === 3);
  for (const { link } of [one, two]) expect(framesOf(link, 'msg').at(-1)).toMatchObject({ o: 3, re: id, d: 'hello' });
  for (const hub of [here, there, startHub()]) {
    expect((await hub.thread('t').history()).messages).toMatchObject([{ id, data: 'hello' }, { data: 'other' }]);
  }
  const late = await join(startHub(), 'start');
  await until(() => dataOf(late.link).length === 2);
  expect(dataOf(late.link)).toEqual(['hello', 'other']);
  await here.thread('t').remove(id);
  for (const { link } of [one, two, late]) await until(() => framesOf(link, 'removed').length === 1);
  await expect(there.thread('t').remove(id)).rejects.toMatchObject({ code: 'TC_UNKNOWN_MESSAGE' });
  for (const hub of [here, there, startHub()]) {
    expect((await hub.thread('t').history()).messages).toMatchObject([{ data: 'other' }]);
  }
});

it('Redis holds nothing of a version that was replaced, nor of a message that was removed', async () => {
  await join(there);
  const thread = here.thread('t');
  const { id } = await thread.send('FIRST secret');
  const big = (await thread.send(`SECOND secret ${'x'.repeat(300_000)}`)).id;
  expect(await contents()).toEqual(['FIRST', 'SECOND', 'xxxx']);
  await thread.send(`THIRD secret ${'y'.repeat(300_000)}`, { replaces: id });
  await thread.send('FOURTH secret', { replaces: big });
  expect(await contents()).toEqual(['THIRD', 'FOURTH', 'yyyy']);
  await there.thread('t').send('FIFTH secret', { replaces: id });
  await thread.remove(big);
  expect(await contents()).toEqual(['FIFTH']);
  await thread.remove(id);
  expect(await contents()).toEqual([]);
  expect((await there.thread('t').history()).messages).toEqual([]);
});

it('a node that was away reads the newest versions when it is back', async () => {
  const { link } = await join(there);
  const thread = here.thread('t');
  const ids: string[] = [];
  for (const data of ['a', 'b', 'c']) ids.push((await thread.send(data)).id);
  await until(() => dataOf(link).length === 3);
  await server.run(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
  await thread.send('a2', { replaces: ids[0] });
  await thread.remove(ids[1] ?? '');
  await until(() => dataOf(link).length === 4 && framesOf(link, 'removed').length === 1);
  expect(framesOf(link, 'gap')).toEqual([]);
  expect((await there.thread('t').history()).messages).toMatchObject([{ data: 'a2' }, { data: 'c' }]);
});

it('a deleted thread is gone on all nodes, also on one that was away', async () => {
  const [one, two] = [await join(here), await join(there)];
  const thread = here.thread('t');
  await thread.send('FIRST');
  await there.thread('t').send(`SECOND ${'x'.repeat(300_000)}`);
  await until(() => dataOf(one.link).length === 2 && dataOf(two.link).length === 2);
  await thread.delete();
  expect(await contents()).toEqual([]);
  for (const { link } of [one, two]) await until(() => framesOf(link, 'left').length === 1);
  for (const { link } of [one, two]) expect(framesOf(link, 'left')).toMatchObject([{ th: 't', why: 'deleted' }]);
  for (const hub of [here, there, startHub()]) expect((await hub.thread('t').history()).messages).toEqual([]);
  const three = await join(there);
  await here.thread('t').send('THIRD');
  await until(() => dataOf(three.link).length === 1);
  await server.run(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
  await here.thread('t').delete();
  await until(() => framesOf(three.link, 'left').length === 1);
  expect(framesOf(three.link, 'gap')).toEqual([]);
  expect(await contents()).toEqual([]);
});
