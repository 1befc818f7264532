import { once } from 'node:events';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';
import { createHub, type Hub } from '../../src/index.ts';
import { connect } from '../../src/client/index.ts';
import { serveWs, WsClient } from '../support/ws-server.ts';
import { toolPath } from '../support/tool.ts';

let close: () => Promise<void> = () => Promise.resolve();

afterEach(() => close());

/** A server whose sockets negotiate compression, and the server's side of them. */
async function serve(perMessageDeflate: object): Promise<{ hub: Hub; url: string; sockets: ServerSocket[] }> {
  const hub = createHub({ serializer: { timeoutMs: 60_000 } });
  // a page of the same host, because a browser lets no other open a socket to this one
  const http = createServer((_request, response) => response.end('<!doctype html><title>test</title>'));
  const wss = new WebSocketServer({ server: http, perMessageDeflate });
  const sockets: ServerSocket[] = [];
  wss.on('connection', (socket) => {
    sockets.push(socket);
    hub.accept(socket, { authorize: () => true });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  close = async () => {
    await hub.close();
    wss.close();
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  };
  return { hub, url: `ws://127.0.0.1:${address.port}`, sockets };
}

const text = (i: number): string => `message ${i}: ${'the same words again and again – ü 🎉 '.repeat(200)}`;

/** Of every kind: below the threshold, compressed, not worth it, in fragments. */
function messages(): unknown[] {
  const noise = Array.from({ length: 3_000 }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('');
  const rows = Array.from({ length: 50_000 }, (_, i) => ({ i, text: `row ${i}`, random: Math.random() }));
  return ['small', text(1), { noise }, { rows }, text(2), 'small again', text(1)];
}

async function join(url: string): Promise<WsClient> {
  const client = new WsClient(url, 't');
  await client.until(({ isJoined }) => isJoined);
  return client;
}

describe('a connection that has negotiated compression without context takeover', () => {
  it.each([15, 9])('gets messages compressed once for all, with a window of %i bits', async (serverMaxWindowBits) => {
    const { hub, url } = await serve({ serverNoContextTakeover: true, serverMaxWindowBits, threshold: 0 });
    const clients = [await join(url), await join(url)];
    const sent = messages();
    for (const message of sent) await hub.thread('t').send(message);
    await Promise.all(clients.map((client) => client.until(({ messages }) => messages.length === sent.length)));
    for (const client of clients) expect(client.messages.map(({ d }) => d)).toEqual(sent);
    const plainBytes = sent.reduce<number>((sum, message) => sum + JSON.stringify(message).length, 0);
    for (const { stats } of hub.connections) expect(stats.bytes).toBeLessThan(plainBytes * 0.75);
  });

  it('is not disturbed by messages of others that ws compresses itself', async () => {
    const { hub, url, sockets } = await serve({ serverNoContextTakeover: true, threshold: 0 });
    const client = await join(url);
    for (let i = 0; i < 30; i++) {
      await hub.thread('t').send(text(i));
      // what the documentation forbids, and what must not corrupt anything all the same
      sockets[0]?.send(JSON.stringify({ t: 'msg', o: 0, id: 'x', d: text(i) }), { compress: true });
    }
    await client.until(({ messages }) => messages.length === 60);
    const texts = client.messages.map(({ d }) => d);
    expect(new Set(texts)).toEqual(new Set(Array.from({ length: 30 }, (_, i) => text(i))));
  });

  it('catches up with compressed messages, and with what was logged before anybody understood them', async () => {
    const { hub, url } = await serve({ serverNoContextTakeover: true, threshold: 0 });
    const position = await hub.thread('t').position();
    await hub.thread('t').send(text(1));
    const first = await join(url);
    await hub.thread('t').send(text(2));
    await first.until(({ messages }) => messages.length === 1);
    const late = new WsClient(url, 't', position);
    await late.until(({ messages }) => messages.length === 2);
    expect(late.messages.map(({ d }) => d)).toEqual([text(1), text(2)]);
  });
});

describe('a connection that keeps its context between messages', () => {
  it('gets plain frames, which do not touch that context', async () => {
    const { hub, url, sockets } = await serve({ threshold: 0 });
    const client = await join(url);
    expect(client.socket.extensions).not.toContain('server_no_context_takeover');
    for (let i = 0; i < 30; i++) {
      await hub.thread('t').send(text(i));
      sockets[0]?.send(JSON.stringify({ t: 'msg', o: 0, id: 'x', d: text(i) }), { compress: true });
    }
    await client.until(({ messages }) => messages.length === 60);
    const [connection] = hub.connections;
    expect(connection?.stats.bytes).toBeGreaterThan(30 * text(1).length);
    expect(new Set(client.messages.map(({ d }) => d)).size).toBe(30);
  });
});

it('Chromium reads compressed messages, whole, in fragments and in parts', async () => {
  const { hub, url } = await serve({ serverNoContextTakeover: true, threshold: 0 });
  const browser = await chromium.launch({
    executablePath: toolPath('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--no-first-run'],
  });
  const page = await browser.newPage();
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  await page.goto(url.replace('ws:', 'http:'));
  const sent = messages();
  const received = page.evaluate(
    ([address, count]) => {
      const read = (join: object): Promise<{ got: unknown[]; parts: number; extensions: string }> =>
        new Promise((resolve) => {
          const socket = new WebSocket(address);
          const got: unknown[] = [];
          let text = '';
          let parts = 0;
          socket.addEventListener('open', () => socket.send(JSON.stringify({ t: 'join', th: 't', ...join })));
          socket.addEventListener('message', (event) => {
            const frame = JSON.parse(String(event.data));
            if (frame.t === 'joined') socket.send('{"t":"pub","th":"t","id":"ready","d":1}');
            if (frame.t === 'msg') got.push(frame.d);
            if (frame.t === 'part') {
              parts++;
              text += frame.d;
            }
            if (frame.last === true) {
              got.push(JSON.parse(text));
              text = '';
            }
            if (got.length === count) resolve({ got, parts, extensions: socket.extensions });
          });
        });
      return Promise.all([read({}), read({ parts: true })]);
    },
    [url, sent.length] as const,
  );
  let ready = 0;
  await new Promise<void>((resolve) => {
    hub.on('connection', (connection) => connection.on('message', () => ++ready === 2 && resolve()));
  });
  for (const message of sent) await hub.thread('t').send(message);
  const extensions = expect.stringContaining('permessage-deflate');
  expect(await received).toEqual([
    { got: sent, parts: 0, extensions },
    { got: sent, parts: expect.toSatisfy((parts: number) => parts > 10), extensions },
  ]);
  await browser.close();
});

it('a hub that does the handshakes itself negotiates it where that is asked for', async () => {
  const hub = createHub();
  const http = createServer();
  hub.attach(http, { compress: true, authenticate: () => ({ data: { plan: 'pro' } }), authorize: () => true });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  close = async () => {
    await hub.close();
    http.close();
    await once(http, 'close');
  };
  const client = await join(`ws://127.0.0.1:${address.port}/`);
  expect(client.socket.extensions).toContain('permessage-deflate');
  await hub.thread('t').send(text(1));
  await client.until(({ messages }) => messages.length === 1);
  const [connection] = hub.connections;
  expect(client.messages[0]?.d).toBe(text(1));
  expect(connection?.stats.bytes).toBeLessThan(text(1).length / 4);
  expect(connection?.data).toEqual({ plan: 'pro' });
});

it('a big message goes compressed in parts, and others come between', async () => {
  const server = await serveWs({ ws: { perMessageDeflate: { serverNoContextTakeover: true } } });
  close = () => server.close();
  const client = connect(server.url);
  onTestFinished(() => client.close());
  const came: unknown[] = [];
  let parts = 0;
  const thread = client.join('t', { onProgress: () => parts++ });
  const done = new Promise<void>((resolve) => {
    thread.on('message', ({ data }) => {
      came.push(data);
      if (came.length === 2) resolve();
    });
  });
  await new Promise<void>((resolve) => void thread.on('joined', () => resolve()));
  const big = { rows: Array.from({ length: 60_000 }, (_, i) => ({ i, text: `row ${i}`, random: Math.random() })) };
  await server.hub.thread('t').send(big);
  await server.hub.thread('t').send('approve?', { lane: 'critical' });
  await done;
  expect(came).toEqual(['approve?', big]);
  expect(parts).toBeGreaterThan(40);
  const [connection] = server.hub.connections;
  expect(connection?.stats.bytes).toBeLessThan(JSON.stringify(big).length * 0.6);
});
