import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createHub } from '../../src/index.ts';
import { startVictim } from './victim.ts';

const LIMIT = 1_000_000;

/** Begins a message, and does not end it. */
async function begin(url: string, bytes: number): Promise<{ socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(url);
  socket.on('error', () => {});
  const closed = new Promise<number>((resolve) => void socket.on('close', resolve));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  const fragment = Buffer.alloc(50_000, 'x');
  for (let sent = 0; sent < bytes; sent += fragment.length)
    socket.send(fragment.subarray(0, bytes - sent), { fin: false, binary: false });
  return { socket, closed };
}

it('messages that are begun and never ended are counted, and bounded for all connections together', async () => {
  const { hub, url, got } = await startVictim({ maxUnfinishedBytes: LIMIT, sweepMs: 50 });
  const slow = await begin(url, 2_000);
  await expect.poll(() => hub.stats().unfinishedBytes).toBe(2_000);
  const hostile = await Promise.all(Array.from({ length: 20 }, () => begin(`${url}?mallory`, 200_000)));
  const codes: number[] = [];
  for (const { closed } of hostile) void closed.then((code) => codes.push(code));
  // five times their 200 KB have room
  await expect.poll(() => codes.length).toBeGreaterThanOrEqual(hostile.length - LIMIT / 200_000);
  expect(new Set(codes)).toEqual(new Set([4429]));
  // those of a connection count until its socket is closed on the server's side too
  await expect.poll(() => hub.stats().unfinishedBytes).toBeLessThanOrEqual(LIMIT);
  // who holds little goes on, and what it sends is taken
  slow.socket.send('"}', { fin: true });
  await expect.poll(() => hub.stats().unfinishedBytes % 100_000).toBe(0);
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
  for (const { socket } of hostile) socket.terminate();
  await expect.poll(() => hub.stats().unfinishedBytes).toBe(0);
});

it('a fragment of one byte counts with all that it keeps in memory', async () => {
  const { hub, url } = await startVictim({ sweepMs: 50 });
  const { socket } = await begin(url, 1);
  await expect.poll(() => hub.stats().unfinishedBytes).toBeGreaterThan(0);
  for (let i = 0; i < 800; i++) socket.ping(Buffer.alloc(125));
  await expect.poll(() => hub.stats().unfinishedBytes).toBeGreaterThan(100_000);
  // another fragment, and the end
  socket.send('x', { fin: true });
  await expect.poll(() => hub.stats().unfinishedBytes).toBe(0);
});

it('a socket of a server that takes more is closed with 1009 at the largest frame of the hub, and cut where it does not go', async () => {
  const { server, url } = await startBareServer();
  const { closed } = await begin(url, 3_000_000);
  expect(await closed).toBe(1009);
  const { socket } = await begin(url, 3_000_000);
  // it does not read, so it does not answer the close frame, and `ws` would wait for half a minute
  socket.pause();
  await expect.poll(() => server.clients.size).toBe(0);
});

/** One of the application's, which takes messages of 100 MiB. */
async function startBareServer(): Promise<{ server: WebSocketServer; url: string }> {
  const hub = createHub({ sweepMs: 50 });
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => void hub.accept(socket));
  await once(server, 'listening');
  onTestFinished(async () => {
    await hub.close();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, url: `ws://127.0.0.1:${address.port}/` };
}
