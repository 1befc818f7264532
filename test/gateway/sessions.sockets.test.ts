import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/index.ts';
import { createHub, SUBPROTOCOL, type Connection } from '../../src/index.ts';
import { closeHub, SteppedClock } from '../support/stepped-clock.ts';

async function serving(isOpen = () => true) {
  const clock = new SteppedClock();
  /** Tokens are `<user>:<milliseconds that the session lasts>:<number>`. */
  const sessionOf = (token: string | null) => {
    const [userId, lifeMs, n] = token?.split(':') ?? [];
    if (userId === undefined || n === undefined) return null;
    return { userId, data: Number(n), expiresAt: clock.wallTime() + Number(lifeMs) };
  };
  const hub = createHub({ clock, sweepMs: 20 });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const joins: unknown[] = [];
  let handshakes = 0;
  hub.attach(server, {
    authenticate({ url = '' }) {
      handshakes++;
      return isOpen() ? sessionOf(new URL(url, 'http://localhost').searchParams.get('token')) : null;
    },
    reauthenticate: (_, token) => (isOpen() ? sessionOf(token) : null),
    authorize: ({ data }, threadId) => joins.push([threadId, data]) > 0,
  });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const { port }: AddressInfo = JSON.parse(JSON.stringify(server.address()));
  onTestFinished(async () => {
    await closeHub(hub, clock);
    server.closeAllConnections();
    server.close();
  });
  return { hub, clock, url: `ws://127.0.0.1:${port}/`, joins, errors, handshakes: () => handshakes };
}

it('a client with a token function outlives its sessions on one connection', async () => {
  const { hub, clock, url, joins, errors, handshakes } = await serving();
  const connections: Connection[] = [];
  hub.on('connection', (connection) => connections.push(connection));
  let n = 0;
  const client = connect(url, { token: () => `ada:3000:${++n}` });
  onTestFinished(() => client.close());
  await clock.advanceUntil(() => connections[0]?.data === 4, 20);
  const thread = client.join('t');
  await new Promise((resolve) => thread.on('joined', resolve));
  expect(joins).toEqual([['t', 4]]);
  expect([handshakes(), connections.length, client.state, errors]).toEqual([1, 1, 'open', []]);
});

it('refused tokens: 4401 at the end, one handshake with a fresh token, then the user must sign in', async () => {
  let isOpen = true;
  const { clock, url, errors, handshakes } = await serving(() => isOpen);
  let asked = 0;
  const client = connect(url, { token: () => `ada:1000:${++asked}`, backoff: { minMs: 10, maxMs: 20 } });
  onTestFinished(() => client.close());
  const refusals: unknown[] = [];
  client.on('error', (error) => refusals.push(error));
  const signedOut = new Promise((resolve) => client.on('signIn', resolve));
  await expect.poll(() => client.state).toBe('open');
  isOpen = false;
  expect(await clock.advanceUntilSettled(signedOut, 20)).toEqual({ reason: 'Unauthorized' });
  expect([client.state, errors]).toEqual(['closed', []]);
  expect(refusals).toEqual([expect.objectContaining({ code: 'TC_SERVER_ERROR', reason: 'unauthenticated' })]);
  // more than the longest wait before an attempt
  await new Promise((resolve) => setTimeout(resolve, 50));
  // the first one, the one that was refused in-band, and the one of the last attempt
  expect([asked, handshakes()]).toEqual([3, 2]);
});

it('a bare client without a token is closed with 4401 when its session ends', async () => {
  const { clock, url } = await serving();
  const socket = new WebSocket(`${url}?token=ada:600:1`, [SUBPROTOCOL]);
  onTestFinished(() => socket.terminate());
  const frames: unknown[] = [];
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()).t));
  const [code, reason] = await clock.advanceUntilSettled(once(socket, 'close'), 20);
  expect([code, String(reason)]).toEqual([4401, 'session expired']);
  expect(frames).toEqual(['hello', 'renew']);
});
