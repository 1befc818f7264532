import { beforeEach, expect, it } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { draft, hold, startLog, startRedis, until } from '../support/redis-nodes.ts';
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
