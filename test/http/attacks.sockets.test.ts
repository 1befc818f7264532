import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { SteppedClock } from '../support/stepped-clock.ts';
import { EventReader, serveHttp } from './fixtures/http-server.ts';

async function dial(
  port: number,
  text: string,
): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString()));
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  await once(socket, 'connect');
  socket.write(text);
  return { socket, received: () => received, closed };
}

it('gives up a client that takes no bytes, and keeps nobody else waiting', async () => {
  const clock = new SteppedClock();
  const { hub, port, url, connections } = await serveHttp(
    {},
    {
      clock,
      sendTimeoutMs: 200,
      sweepMs: 50,
      retryDelaysMs: [50],
      breakerThreshold: 2,
      cooldownMs: 100,
      highWaterMarkBytes: 262_144,
    },
  );
  const reader = await EventReader.open(`${url}/t/events`);
  const { socket } = await dial(port, 'GET /t/events HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.pause();
  await expect.poll(() => connections.length).toBe(2);
  let sent = 0;
  while (connections[1]?.state !== 'evicted') {
    await hub.thread('t').send('x'.repeat(100_000));
    sent++;
    await clock.advance(20);
    await delay(1);
  }
  await reader.until(({ messages }) => messages.length === sent);
  expect(connections[0]?.state).toBe('open');
  expect(hub.stats().sendTimeouts).toBeGreaterThan(0);
});

it('answers a body that does not come in time, and one that is too large, and stops reading', async () => {
  // the other bodies are no question of time
  const clock = new SteppedClock();
  const { port, hub } = await serveHttp({ bodyTimeoutMs: 100, maxBodyBytes: 1_000, onPublish: () => true }, { clock });
  const head = (length: number): string =>
    `POST /t/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  const slow = await dial(port, `${head(100)}{"a":`);
  await clock.advanceUntilSettled(slow.closed, 10);
  expect(slow.received()).toContain('HTTP/1.1 408');
  const large = await dial(port, head(10_000_000) + 'x'.repeat(100_000));
  await large.closed;
  expect(large.received()).toContain('HTTP/1.1 413');
  // a chunked one tells no length
  const endless = await dial(port, head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked'));
  const pump = setInterval(() => endless.socket.write('400\r\n' + 'y'.repeat(1_024) + '\r\n'), 1);
  await endless.closed;
  clearInterval(pump);
  expect(endless.received()).toContain('HTTP/1.1 413');
  expect(hub.stats().connections.total).toBe(0);
});

it('reads no body of a client that it does not let in', async () => {
  const { port } = await serveHttp({ authenticate: () => null });
  const { received, closed } = await dial(
    port,
    `POST /t/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n`,
  );
  await closed;
  expect(received()).toContain('HTTP/1.1 401');
});

it('has a budget for the streams of one user, over all of its connections', async () => {
  const { handler, hub } = await serveHttp({ authenticate: () => ({ userId: 'ada' }) }, { maxInputPerSecond: 10 });
  const server = createHttp2({ settings: { maxConcurrentStreams: 5_000 } }, handler.node);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = connectHttp2(`http://127.0.0.1:${typeof address === 'object' ? String(address?.port) : ''}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const counts = new Map<unknown, number>();
  await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const stream = client.request({ ':path': '/t/events' });
      stream.on('error', () => {});
      const [headers] = await once(stream, 'response');
      counts.set(headers[':status'], (counts.get(headers[':status']) ?? 0) + 1);
    }),
  );
  expect([...counts.keys()].toSorted((a, b) => Number(a) - Number(b))).toEqual([200, 429]);
  // 100 points at once, ten for each
  expect(counts.get(200)).toBeLessThan(30);
  expect(hub.stats().connections.total).toBe(counts.get(200));
  client.destroy();
  await expect.poll(() => hub.stats().connections.total).toBe(0);
});

it('opens no stream behind another one of the same HTTP/1.1 connection, and forgets both with it', async () => {
  const { port, hub } = await serveHttp({ onPublish: () => true });
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const { socket, received } = await dial(
    port,
    get('/t/events') + get('/t/events') + get('/t/poll') + get('/t/messages'),
  );
  await expect.poll(received).toContain('"t":"joined"');
  expect(hub.stats().connections.total).toBe(1);
  await hub.thread('t').send('hi');
  await expect.poll(received).toContain('"d":"hi"');
  socket.destroy();
  await expect.poll(() => hub.stats().connections.total).toBe(0);
});

it('survives junk, resets and headers without end', async () => {
  const { port, url, hub, errors } = await serveHttp();
  await Promise.all(
    [
      'GET /t/events HTTP/1.1\r\n\r\n',
      `GET /t/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: ${'é'.repeat(300)}\r\n\r\n`,
      `GET /t/events HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
      `GET /${'%00'.repeat(10)}/events HTTP/1.1\r\nHost: x\r\n\r\n`,
      'GET /t/events?from=%F0%9F HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET //events HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET http://[/t/events HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST /acks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull',
      'POST /link HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull',
      '\u0000\u0001\u0002',
    ].map(async (text) => {
      const { socket, received } = await dial(port, text);
      await expect.poll(() => received().length > 0 || socket.closed).toBe(true);
      expect(received()).not.toContain('HTTP/1.1 500');
      socket.resetAndDestroy();
    }),
  );
  await expect.poll(() => hub.stats().connections.total).toBe(0);
  expect((await EventReader.open(`${url}/t/events`)).response.status).toBe(200);
  expect(errors).toEqual([]);
});
