import { fork } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { serveWs, WsClient, type WsServer } from '../support/ws-server.ts';

let server: WsServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Short enough to see a whole life in a test, long enough for a busy machine. */
const quick = { sendTimeoutMs: 400, retryDelaysMs: [50, 100], breakerThreshold: 3, cooldownMs: 100, sweepMs: 50 };

async function connect(url: string, count: number, thread = 't'): Promise<WsClient[]> {
  const clients = Array.from({ length: count }, () => new WsClient(url, thread));
  await Promise.all(clients.map((client) => client.until(({ isJoined }) => isJoined)));
  return clients;
}

it('delivers every message to every client, once and in order, small and big', async () => {
  server = await serveWs();
  const clients = await connect(server.url, 12);
  const big = Array.from({ length: 30_000 }, (_, i) => ({ i, text: `row ${i} – ü` }));
  const sent: unknown[] = [];
  for (let i = 0; i < 200; i++) {
    const message = i === 100 ? big : { i };
    sent.push(message);
    void server.hub.thread('t').send(message);
  }
  await Promise.all(clients.map((client) => client.until(({ messages }) => messages.length >= 200)));
  for (const { messages } of clients) {
    expect(messages.map(({ o }) => o)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    // as text: to compare 30,000 objects one by one takes longer than to send them
    expect(messages.every(({ d }, i) => JSON.stringify(d) === JSON.stringify(sent[i]))).toBe(true);
  }
});

it('a client that comes back with its position gets the rest', async () => {
  server = await serveWs();
  const { hub, url } = server;
  const [first] = await connect(url, 1);
  if (first === undefined) throw new Error('no client');
  for (let i = 1; i <= 10; i++) await hub.thread('t').send(i);
  await first.until(({ messages }) => messages.length === 10);
  first.socket.terminate();
  await first.closed;
  for (let i = 11; i <= 20; i++) await hub.thread('t').send(i);
  const second = new WsClient(url, 't', first.position);
  await second.until(({ messages }) => messages.length === 10);
  expect(second.messages.map(({ d }) => d)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  expect(second.gaps).toEqual([]);
});

it('a process that is stopped ends evicted as a slow consumer, delays nobody, and resumes', async () => {
  server = await serveWs({ hub: quick });
  const { hub, url } = server;
  const child = fork(new URL('../support/stopped-client.ts', import.meta.url), [url]);
  // also when it is stopped, and the test has failed
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const [connection] = hub.connections;
  const evicted = new Promise((resolve) => connection?.on('evicted', resolve));
  const [healthy] = await connect(url, 1);
  process.kill(child.pid ?? 0, 'SIGSTOP');
  for (let i = 0; i < 100; i++) await hub.thread('t').send({ i, pad: 'x'.repeat(100_000) });
  await healthy?.until(({ messages }) => messages.length === 100);
  expect(await evicted).toEqual({ code: 4408, reason: 'slow consumer' });
  expect(hub.stats().connections.total).toBe(1);
  process.kill(child.pid ?? 0, 'SIGCONT');
  // it reads what the kernel had, sees its socket closed, comes back with its position, and misses nothing
  const [books] = await once(child, 'message');
  expect(books).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

it('writes plain frames beside a client that negotiated compression', async () => {
  server = await serveWs({ ws: { perMessageDeflate: { threshold: 0 } } });
  const client = new WsClient(server.url, 't');
  await client.until(({ isJoined }) => isJoined);
  expect(client.socket.extensions).toContain('permessage-deflate');
  for (let i = 0; i < 20; i++) await server.hub.thread('t').send({ i, text: 'compressible '.repeat(100) });
  await client.until(({ messages }) => messages.length === 20);
  expect(client.messages.map(({ o }) => o)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

it('refuses sockets that it cannot drive', async () => {
  server = await serveWs();
  const client = new WebSocket(server.url);
  const { hub } = server;
  expect(() => hub.accept(client)).toThrow(expect.objectContaining({ code: 'TC_UNSUPPORTED_SOCKET' }));
  await once(client, 'open');
  // a client's end has to mask what it sends
  expect(() => hub.accept(client)).toThrow(expect.objectContaining({ code: 'TC_UNSUPPORTED_SOCKET' }));
  client.terminate();
  await once(client, 'close');
  expect(() => hub.accept(client)).toThrow(expect.objectContaining({ code: 'TC_UNSUPPORTED_SOCKET' }));
});

it('refuses a socket that has a connection already, in whatever hub, and leaves that alone', async () => {
  const hubs = [createHub({ maxConnections: 1 }), createHub()];
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
  const address = wss.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(wss, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${address.port}`);
  const heard = once(client, 'message');
  const [socket] = await accepted;
  hubs[0]?.accept(socket);
  expect(() => hubs[0]?.accept(socket)).toThrow(expect.objectContaining({ code: 'TC_TOO_MANY_CONNECTIONS' }));
  expect(() => hubs[1]?.accept(socket)).toThrow(expect.objectContaining({ code: 'TC_UNSUPPORTED_SOCKET' }));
  expect(hubs.map((hub) => hub.stats().connections.total)).toEqual([1, 0]);
  await heard;
  const [connection] = hubs[0]?.connections ?? [];
  await connection?.send('still here');
  const [data] = await once(client, 'message');
  expect(String(data)).toContain('joined');
  const closed = once(client, 'close');
  await Promise.all(hubs.map((hub) => hub.close()));
  expect(await closed).toEqual([1001, Buffer.from('going away')]);
  // and once it has ended
  expect(() => hubs[1]?.accept(socket)).toThrow(expect.objectContaining({ code: expect.any(String) }));
  wss.close();
});

it('closes in bounded time even when a client does not answer the close frame', async () => {
  const deaf = await serveWs();
  const [client] = await connect(deaf.url, 1);
  client?.socket.pause();
  await deaf.close();
  expect(deaf.hub.state).toBe('stopped');
  client?.socket.terminate();
});
