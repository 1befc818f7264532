import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/index.ts';
import { createHub, refuse, SUBPROTOCOL, type AttachOptions, type HubOptions } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { SteppedClock } from '../support/stepped-clock.ts';

async function serving(options: AttachOptions, hubOptions: HubOptions = {}) {
  const hub = createHub(hubOptions);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  hub.attach(server, options);
  hub.on('error', () => {});
  const { port }: AddressInfo = JSON.parse(JSON.stringify(server.address()));
  onTestFinished(async () => {
    await hub.close();
    server.closeAllConnections();
    server.close();
  });
  return { hub, port, url: `ws://127.0.0.1:${port}/` };
}

/** What a client sees: a close code and a reason, or the HTTP status. */
function endOf(url: string, protocols: string[], headers = {}): Promise<unknown> {
  const socket = new WebSocket(url, protocols, { headers });
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode));
    socket.once('close', (code: number, reason: Buffer) => resolve([code, reason.toString()]));
  });
}

const cases: [string, AttachOptions, string, Record<string, string>, number, [number, string]][] = [
  ['no session', { authenticate: () => null }, '', {}, 401, [4401, 'Unauthorized']],
  ['refuse(401)', { authenticate: () => refuse(401, 'expired') }, '', {}, 401, [4401, 'expired']],
  ['refuse(403)', { authenticate: () => refuse(403, 'banned') }, '', {}, 403, [4403, 'banned']],
  ['refuse(429)', { authenticate: () => refuse(429, 'slowly') }, '', {}, 429, [4429, 'slowly']],
  ['refuse(503)', { authenticate: () => refuse(503, 'full') }, '', {}, 503, [1013, 'full']],
  ['a failure', { authenticate: () => expect.fail('secret') }, '', {}, 500, [1013, 'Internal Server Error']],
  ['a format', { allowPlain: false }, '?format=plain', {}, 400, [4400, 'format not allowed']],
  ['an empty text', { authenticate: () => refuse(401, '') }, '', {}, 401, [4401, 'unauthenticated']],
  ['a long text', { authenticate: () => refuse(403, 'é'.repeat(200)) }, '', {}, 403, [4403, 'é'.repeat(61)]],
];

it.each(cases)('%s: readable for clients of our protocol, an HTTP status for others', async (...row) => {
  const [, options, query, headers, status, close] = row;
  const { hub, url } = await serving(options);
  const reasons: unknown[] = [];
  hub.on('refused', (news) => reasons.push(news.status));
  expect(await endOf(url + query, [SUBPROTOCOL], headers)).toEqual(close);
  expect(await endOf(url + query, [], headers)).toBe(status);
  expect(reasons).toEqual([status, status]);
  expect(hub.stats().connectionsAccepted).toBe(0);
});

it('a page of a foreign origin reads 4403', async () => {
  const { url } = await serving({});
  const [code, reason] = [await endOf(url, [SUBPROTOCOL], { origin: 'https://elsewhere.example' })].flat();
  expect([code, reason]).toEqual([4403, expect.stringContaining('origin not allowed')]);
});

it('a hub that stops says that it restarts', async () => {
  const { hub, url } = await serving({});
  await hub.drain();
  expect(await endOf(url, [SUBPROTOCOL])).toEqual([1012, 'Service Unavailable']);
});

it('a refused client that does not answer the close frame is cut after two seconds', async () => {
  const clock = new VirtualClock();
  const { url, port } = await serving({ authenticate: () => false }, { clock });
  const socket = connectTcp(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const lines = ['GET / HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade'];
  const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];
  socket.write(`${[...lines, ...key, `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`].join('\r\n')}\r\n\r\n`);
  let isGone = false;
  socket.on('close', () => {
    isGone = true;
  });
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  await expect.poll(() => text).toContain('Unauthorized');
  expect(text).toMatch(/^HTTP\/1.1 101 /);
  await clock.advance(1_900);
  expect(isGone).toBe(false);
  await clock.advance(200);
  await expect.poll(() => isGone).toBe(true);
  expect(await endOf(url, [])).toBe(401);
});

it('only so many refused sockets are open at a time: others get the HTTP status', async () => {
  const clock = new VirtualClock();
  const { url, port } = await serving({ authenticate: () => false }, { clock });
  const request = [
    'GET / HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ].join('\r\n');
  const statuses = new Map<string, number>();
  const sockets = Array.from({ length: 1_010 }, () => {
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(`${request}\r\n\r\n`));
    socket.on('error', () => {});
    socket.once('data', (data) => {
      const status = data.toString('latin1').slice(9, 12);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
    return socket;
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await expect
    .poll(() => (statuses.get('101') ?? 0) + (statuses.get('401') ?? 0) + (statuses.get('429') ?? 0))
    .toBe(1_010);
  expect(statuses.get('101')).toBeLessThanOrEqual(1_000);
  await clock.advance(2_100);
  expect(await endOf(url, [SUBPROTOCOL])).toEqual([4401, 'Unauthorized']);
});

it('the client asks for a fresh token once, then stops and says that the user must sign in', async () => {
  const tokens: string[] = [];
  const { url } = await serving({
    authenticate({ url }) {
      tokens.push(new URL(url ?? '', 'ws://h').searchParams.get('token') ?? '');
      return refuse(401, 'expired');
    },
  });
  let asked = 0;
  // a connection that lasts counts as one that was let in: how long this one does is not the machine's business
  const clock = new SteppedClock();
  const client = connect(url, { token: () => `t${++asked}`, WebSocket, clock, backoff: { minMs: 100, maxMs: 200 } });
  const events: unknown[] = [];
  client.on('signIn', (news) => events.push(news));
  client.on('state', ({ to, code }) => events.push([to, code]));
  await clock.advanceUntil(() => client.state === 'closed', 5);
  // ten of the longest waits
  await clock.advance(2_000);
  expect(tokens).toEqual(['t1', 't2']);
  expect(events.at(-1)).toEqual({ reason: 'expired' });
  expect(events.at(-2)).toEqual(['closed', 4401]);
  expect(events.filter((event) => !Array.isArray(event))).toHaveLength(1);
});
