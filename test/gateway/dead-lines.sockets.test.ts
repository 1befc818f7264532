import { expect, it, onTestFinished } from 'vitest';
import { Guest, serve, statusOf } from '../support/gateway.ts';
import { connect } from '../../src/client/index.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** A line to the server that can be pulled. */
async function lineTo(port: number): Promise<{ readonly url: string; pull(): void }> {
  const proxy: TcpProxy = await startTcpProxy(port);
  onTestFinished(() => proxy.close());
  return { url: `ws://127.0.0.1:${proxy.port}`, pull: () => proxy.blackHole() };
}

const ada = { authenticate: () => ({ userId: 'ada' }) };

it('a user whose cable was pulled is in again within three seconds', async () => {
  const { hub, port, url } = await serve(ada, { maxConnectionsPerUser: 1 });
  const line = await lineTo(port);
  const first = new Guest(line.url);
  expect(await first.status).toBe(101);
  const ends: number[] = [];
  hub.on('evicted', ({ code }) => ends.push(code));
  const [before] = hub.user('ada').connections;
  line.pull();
  const at = performance.now();
  const second = new Guest(url);
  expect(await second.status).toBe(101);
  expect(performance.now() - at).toBeLessThan(3_000);
  expect(ends).toEqual([4409]);
  const now = hub.user('ada').connections;
  expect(now).toHaveLength(1);
  expect(now[0]).not.toBe(before);
});

it('also where bytes wait on the dead line', async () => {
  const { hub, port, url } = await serve(ada, { maxConnectionsPerUser: 1 });
  const line = await lineTo(port);
  expect(await new Guest(line.url).status).toBe(101);
  line.pull();
  await hub.user('ada').send('x'.repeat(20_000_000));
  const at = performance.now();
  const client = connect(url);
  await new Promise((resolve) => {
    hub.on('connection', resolve);
  });
  expect(performance.now() - at).toBeLessThan(3_500);
  client.close();
});

it('one whose line is alive is refused as ever, and soon', async () => {
  const { hub, url } = await serve(ada, { maxConnectionsPerUser: 2 });
  const guests = [new Guest(url), new Guest(url)];
  await Promise.all(guests.map(({ status }) => status));
  const at = performance.now();
  const refused: string[] = [];
  hub.on('refused', ({ reason }) => refused.push(reason));
  const statuses = await Promise.all(Array.from({ length: 10 }, () => statusOf(url)));
  expect(new Set(statuses)).toEqual(new Set([429]));
  expect(performance.now() - at).toBeLessThan(1_500);
  expect(refused).toHaveLength(10);
  expect(hub.user('ada').connections.map(({ state }) => state)).toEqual(['open', 'open']);
});

it('a flood of one user’s handshakes has no more pings sent than there are connections, once a round', async () => {
  const { hub, port, url } = await serve(ada, { maxConnectionsPerUser: 2 });
  const line = await lineTo(port);
  const alive = new Guest(url);
  let pings = 0;
  alive.socket.on('ping', () => pings++);
  const dead = new Guest(line.url);
  await Promise.all([alive.status, dead.status]);
  line.pull();
  const statuses = await Promise.all(Array.from({ length: 40 }, () => statusOf(url)));
  expect(statuses.filter((status) => status === 101)).toHaveLength(1);
  expect(statuses.filter((status) => status === 429)).toHaveLength(39);
  expect(pings).toBeLessThanOrEqual(2);
  expect(hub.user('ada').connections).toHaveLength(2);
});
