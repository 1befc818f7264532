import { expect, it, onTestFinished } from 'vitest';
import { Guest, nextConnection, serve, statusOf } from '../support/gateway.ts';
import { connect } from '../../src/client/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** A line to the server that can be pulled. */
async function lineTo(port: number): Promise<{ readonly url: string; pull(): void }> {
  const proxy: TcpProxy = await startTcpProxy(port);
  onTestFinished(() => proxy.close());
  return { url: `ws://127.0.0.1:${proxy.port}`, pull: () => proxy.blackHole() };
}

const ada = { authenticate: () => ({ userId: 'ada' }) };

it('a user whose cable was pulled is in again within three seconds', async () => {
  const clock = new SteppedClock();
  const { hub, port, url } = await serve(ada, { clock, maxConnectionsPerUser: 1 });
  const line = await lineTo(port);
  const first = new Guest(line.url);
  expect(await first.status).toBe(101);
  const ends: number[] = [];
  hub.on('evicted', ({ code }) => ends.push(code));
  const [before] = hub.user('ada').connections;
  line.pull();
  const second = new Guest(url);
  expect(await clock.advanceUntilSettled(second.status)).toBe(101);
  expect(clock.now()).toBeLessThan(3_000);
  expect(ends).toEqual([4409]);
  const now = hub.user('ada').connections;
  expect(now).toHaveLength(1);
  expect(now[0]).not.toBe(before);
});

it('also where bytes wait on the dead line', async () => {
  const clock = new SteppedClock();
  const { hub, port, url } = await serve(ada, { clock, maxConnectionsPerUser: 1 });
  const line = await lineTo(port);
  expect(await new Guest(line.url).status).toBe(101);
  line.pull();
  await hub.user('ada').send('x'.repeat(20_000_000));
  const client = connect(url);
  await clock.advanceUntilSettled(nextConnection(hub));
  expect(clock.now()).toBeLessThan(3_500);
  client.close();
});

it('one whose line is alive is refused as ever, and soon', async () => {
  const clock = new SteppedClock();
  const { hub, url } = await serve(ada, { clock, maxConnectionsPerUser: 2 });
  const guests = [new Guest(url), new Guest(url)];
  await Promise.all(guests.map(({ status }) => status));
  const refused: string[] = [];
  hub.on('refused', ({ reason }) => refused.push(reason));
  const asked = Promise.all(Array.from({ length: 10 }, () => statusOf(url)));
  expect(new Set(await clock.advanceUntilSettled(asked, 5))).toEqual(new Set([429]));
  expect(clock.now()).toBeLessThan(1_500);
  expect(refused).toHaveLength(10);
  expect(hub.user('ada').connections.map(({ state }) => state)).toEqual(['open', 'open']);
});

it('a flood of one user’s handshakes has no more pings sent than there are connections, once a round', async () => {
  const clock = new SteppedClock();
  const { hub, port, url } = await serve(ada, { clock, maxConnectionsPerUser: 2 });
  const line = await lineTo(port);
  const alive = new Guest(url);
  let pings = 0;
  alive.socket.on('ping', () => pings++);
  const dead = new Guest(line.url);
  await Promise.all([alive.status, dead.status]);
  line.pull();
  const asked = Promise.all(Array.from({ length: 40 }, () => statusOf(url)));
  const statuses = await clock.advanceUntilSettled(asked, 5);
  expect(statuses.filter((status) => status === 101)).toHaveLength(1);
  expect(statuses.filter((status) => status === 429)).toHaveLength(39);
  expect(pings).toBeLessThanOrEqual(2);
  expect(hub.user('ada').connections).toHaveLength(2);
});
