import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Connection, type Hub, type Undelivered } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';

let here: Hub;
let there: Hub;

beforeEach(async () => {
  const server = await startRedis();
  const startHub = (): Hub => {
    const hub = createHub({ log: startLog({ url: `redis://127.0.0.1:${server.port}` }) });
    hub.on('error', (error) => expect.fail(String(error)));
    onTestFinished(() => hub.close());
    return hub;
  };
  here = startHub();
  there = startHub();
});

async function join(hub: Hub, userId: string): Promise<Connection> {
  const connection = hub.accept(new FakeLink().attach, { userId });
  await connection.join('room');
  return connection;
}

const users = async (hub: Hub): Promise<string> => [...(await hub.thread('room').users())].toSorted().join(' ');

it('both nodes know the users of a thread, as they come and go', async () => {
  await join(here, 'ada');
  const [bob, phone] = [await join(there, 'bob'), await join(there, 'bob')];
  for (const hub of [here, there]) await until(async () => (await users(hub)) === 'ada bob');
  bob.close();
  await join(there, 'cy d');
  await until(async () => (await users(here)) === 'ada bob cy d');
  phone.leave('room');
  await until(async () => (await users(here)) === 'ada cy d');
  await there.close();
  await until(async () => (await users(here)) === 'ada');
  expect(await here.thread('other').users()).toEqual([]);
});

it('a user of the audience is reported who is on no node, and not one who is on the other', async () => {
  await join(there, 'ada');
  await until(async () => (await users(here)) === 'ada');
  const missed: Undelivered[] = [];
  here.on('undelivered', (news) => missed.push(news));
  await here.thread('room').send('hi', { audience: ['ada', 'bob'], idempotencyKey: 'k' });
  await until(() => missed.length > 0);
  expect(missed).toEqual([{ userId: 'bob', threadId: 'room', id: 'k' }]);
});
