import { afterEach, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { serveWs, WsClient, type WsServer } from '../support/ws-server.ts';

let server: WsServer | undefined;
let proxy: TcpProxy | undefined;

afterEach(async () => {
  await server?.close();
  await proxy?.close();
});

async function throughProxy(
  hub: object,
  rate?: number,
): Promise<{ client: WsClient; server: WsServer; proxy: TcpProxy }> {
  server = await serveWs({ hub });
  proxy = await startTcpProxy(Number(new URL(server.url).port), rate);
  const client = new WsClient(`ws://127.0.0.1:${proxy.port}`, 't');
  await client.until(({ isJoined }) => isJoined);
  return { client, server, proxy };
}

it('a slow line that takes twenty times the timeout for a big message is never called stalled', async () => {
  const sendTimeoutMs = 500;
  const { client, server, proxy } = await throughProxy({ sendTimeoutMs, sweepMs: 50 });
  const [connection] = server.hub.connections;
  const states: string[] = [];
  connection?.on('state', ({ to }) => states.push(to));
  proxy.rate = 6_000_000;
  let pings = 0;
  client.socket.on('ping', () => pings++);
  const startedAt = performance.now();
  let mostUnsent = 0;
  const watch = setInterval(() => {
    mostUnsent = Math.max(mostUnsent, connection?.stats.unsentBytes ?? 0);
  }, 20);
  await server.hub.thread('t').send('x'.repeat(60_000_000), {});
  await server.hub.thread('t').send('and on');
  await client.until(({ messages }) => messages.length > 0);
  const pingsBefore = pings;
  await client.until(({ messages }) => messages.length === 2);
  clearInterval(watch);
  expect(performance.now() - startedAt).toBeGreaterThan(20 * sendTimeoutMs * 0.9);
  expect(states).toEqual([]);
  expect(server.hub.stats()).toMatchObject({ sendTimeouts: 0, connections: { open: 1 } });
  // between the fragments of the one message
  expect(pingsBefore).toBeGreaterThan(2);
  // a window, whatever the size of the message
  expect(mostUnsent).toBeLessThanOrEqual(512 * 1024 + 100);
  expect(client.messages.map(({ d }) => String(d).length)).toEqual([60_000_000, 6]);
});

it('a half-open peer, silent and never closed, is found by the heartbeat and evicted', async () => {
  const { client, server, proxy } = await throughProxy({
    sendTimeoutMs: 200,
    retryDelaysMs: [50],
    breakerThreshold: 2,
    cooldownMs: 50,
    heartbeatMs: 100,
    sweepMs: 20,
  });
  const [connection] = server.hub.connections;
  const evicted = new Promise((resolve) => connection?.on('evicted', resolve));
  proxy.blackHole();
  expect(await evicted).toEqual({ code: 4408, reason: 'slow consumer' });
  client.socket.terminate();
});
