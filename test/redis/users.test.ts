import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

let server: RedisServer;
let line: TcpProxy;
let here: Hub;
/** Its way to Redis can be cut. */
let there: Hub;

function startHub(port: number, clock?: SteppedClock): Hub {
  const hub = createHub({ clock, log: startLog({ url: `redis://127.0.0.1:${port}`, clock }) });
  hub.on('error', (error) => expect.fail(String(error)));
  onTestFinished(() => closeHub(hub, clock));
  return hub;
}

async function connect(hub: Hub, userId: string) {
  const link = new FakeLink();
  const connection = hub.accept(link.attach, { userId });
  await until(() => connection.threads.length > 0);
  return { link, connection };
}

beforeEach(async () => {
  server = await startRedis();
  line = await startTcpProxy(server.port);
  onTestFinished(() => line.close());
  here = startHub(server.port);
  there = startHub(line.port);
});

it('sign-out and kick reach the connections of the other node without a timer', async () => {
  // no time passes
  const clock = new SteppedClock();
  const [here, there] = [startHub(server.port, clock), startHub(server.port, clock)];
  const [ada, phone, bob] = [await connect(here, 'ada'), await connect(there, 'ada'), await connect(there, 'bob')];
  for (const { connection } of [ada, phone, bob]) await connection.join('room');
  await here.user('ada').leave('room', { reason: 'spam' });
  await until(() => framesOf(phone.link, 'left').length === 1);
  await here.user('ada').close(4401, 'signed out');
  await until(() => phone.link.closeCode === 4401);
  expect([framesOf(phone.link, 'left'), ada.link.closeCode, bob.connection.threads]).toEqual([
    [{ t: 'left', th: 'room', why: 'spam' }],
    4401,
    ['~user:bob', 'room'],
  ]);
});

it('a node that was away learns it when it is back, in order and once', async () => {
  const [ada, bob] = [await connect(there, 'ada'), await connect(there, 'bob')];
  for (const { connection } of [ada, bob]) await connection.join('room');
  line.blackHole();
  await here.user('bob').leave('room');
  await here.user('ada').send('bye');
  await here.user('ada').close(4401, 'signed out');
  expect([ada.connection.state, bob.connection.threads.includes('room')]).toEqual(['open', true]);
  line.cut();
  line.restore();
  await until(() => ada.link.closeCode === 4401 && framesOf(bob.link, 'left').length === 1);
  expect([dataOf(ada.link), bob.connection.state, bob.connection.threads]).toEqual([['bye'], 'open', ['~user:bob']]);
});

it('who has a connection at any node is online, and an order is no message of the inbox', async () => {
  const { link, connection } = await connect(there, 'ada');
  await until(() => here.user('ada').isOnline());
  expect([await there.user('ada').isOnline(), await here.user('bob').isOnline()]).toEqual([true, false]);
  await here.user('ada').leave('room');
  await here.user('ada').send(1);
  await until(() => dataOf(link).length === 1);
  connection.close();
  await until(async () => !(await here.user('ada').isOnline()));
});

it('an order that cannot be given to the others says so, and is done here', async () => {
  const url = `redis://127.0.0.1:${line.port}`;
  const clock = new SteppedClock();
  const log = startLog({ url, clock, timeoutMs: 1_000, commandTimeoutMs: 300, whenUnavailable: 'deliver-locally' });
  const cut = createHub({ log, clock });
  onTestFinished(() => closeHub(cut, clock));
  const { link } = await connect(cut, 'ada');
  line.blackHole();
  const closing = clock.advanceUntilSettled(cut.user('ada').close(4403, 'banned'));
  await expect(closing).rejects.toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  expect(link.closeCode).toBe(4403);
  line.restore();
});
