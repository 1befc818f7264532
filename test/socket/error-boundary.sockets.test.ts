import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { createHub, type Hub, type HubOptions } from '../../src/index.ts';
import { clientFrame, connectRaw, deflatedFrame, type RawClient } from '../support/raw-client.ts';

const uncaught: unknown[] = [];
const note = (error: unknown): number => uncaught.push(error);
let open: (() => Promise<void>)[] = [];

beforeEach(() => {
  uncaught.length = 0;
  process.on('uncaughtException', note);
});

afterEach(async () => {
  for (const close of open) await close();
  open = [];
  process.off('uncaughtException', note);
  expect(uncaught).toEqual([]);
});

interface Served {
  hub: Hub;
  port: number;
  errors: unknown[];
  evictions: { code: number; reason: string }[];
  /** The servers' ends, with `accept`. */
  sockets: WebSocket[];
  clients: RawClient[];
  connect(deflate?: boolean): Promise<RawClient>;
}

async function serve(way: 'attach' | 'accept', options: HubOptions = {}, ws: ServerOptions = {}): Promise<Served> {
  const hub = createHub(options);
  const errors: unknown[] = [];
  const evictions: Served['evictions'] = [];
  const sockets: WebSocket[] = [];
  const clients: RawClient[] = [];
  hub.on('error', (error) => errors.push(error));
  hub.on('evicted', ({ code, reason }) => evictions.push({ code, reason }));
  const http = createServer();
  if (way === 'attach') hub.attach(http, { compress: true });
  else {
    const server = new WebSocketServer({ server: http, perMessageDeflate: true, ...ws });
    server.on('connection', (socket) => {
      sockets.push(socket);
      try {
        hub.accept(socket);
      } catch (error) {
        errors.push(error);
      }
    });
  }
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  open.push(async () => {
    for (const { socket } of clients) socket.destroy();
    await hub.close();
    http.closeAllConnections();
    http.close();
  });
  return {
    hub,
    port,
    errors,
    evictions,
    sockets,
    clients,
    async connect(deflate = true) {
      const client = await connectRaw(port, { deflate });
      clients.push(client);
      return client;
    },
  };
}

const after = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** What ends the process of every server of `ws` 8.22.2 and 8.23.0 that inflates. */
async function attack({ socket }: RawClient, delayMs: number): Promise<void> {
  socket.write(deflatedFrame(randomBytes(100_000).toString('hex')));
  await after(delayMs);
  socket.write(clientFrame(0x88, Buffer.from([0, 0])));
  await after(1);
  socket.write(randomBytes(16));
  await Promise.race([once(socket, 'close'), after(200)]);
}

it.each(['attach', 'accept'] as const)(
  'bytes after a close frame that is none end their own connection only: %s',
  async (way) => {
    const served = await serve(way);
    const bystander = await served.connect();
    for (let i = 0; i < 24; i++) await attack(await served.connect(), i % 6);
    expect(served.errors).toEqual([]);
    await expect.poll(() => served.hub.stats().connections.total).toBeLessThanOrEqual(2);
    expect(bystander.socket.readyState).toBe('open');
  },
);

it('nor do they where the hub has turned the socket away', async () => {
  const served = await serve('accept', { maxConnections: 1 });
  await served.connect();
  for (let i = 0; i < 24; i++) await attack(await served.connect(), i % 6);
  expect(new Set(served.errors.map((error) => Object(error).code))).toEqual(new Set(['TC_TOO_MANY_CONNECTIONS']));
});

const boom = new Error('boom');
const throwBoom = (): never => {
  throw boom;
};

/** Ways in which `ws`, Node or a listener of the application may throw: what is made to, and what the peer then says. */
const failures: Record<string, { arm: (socket: WebSocket) => void; says?: Buffer; ws?: ServerOptions }> = {
  'a listener of the WebSocket': { arm: (socket) => socket.on('message', throwBoom) },
  'a listener of the socket': { arm: (socket) => part(socket, '_socket').on('data', throwBoom) },
  'the receiver, in an event of the socket': { arm: (socket) => replace(part(socket, '_receiver'), 'getData') },
  'the receiver, in a timer': {
    arm: (socket) => {
      // the first message defers the loop, which then finds this
      socket.once('message', () => replace(part(socket, '_receiver'), 'getInfo'));
    },
    ws: { allowSynchronousEvents: false, perMessageDeflate: false },
  },
  'the receiver, after inflating': {
    arm: (socket) => replace(part(socket, '_receiver'), 'dataMessage'),
    says: deflatedFrame('[]'),
  },
  'the inflating itself': {
    arm: (socket) => replace(Reflect.get(part(socket, '_extensions'), 'permessage-deflate'), '_decompress'),
    says: deflatedFrame('[]'),
  },
};

function part(socket: WebSocket, name: string): Socket {
  return Reflect.get(socket, name);
}

/** Called where it would call the original. */
function replace(target: object, method: string): void {
  Object.assign(target, { [method]: throwBoom });
}

it.each(Object.entries(failures))(
  'what throws ends its own connection, and is reported: %s',
  async (_, { arm, says, ws }) => {
    const served = await serve('accept', {}, { perMessageDeflate: true, ...ws });
    const bystander = await served.connect();
    const http = await served.connect();
    const socket = served.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket');
    const closed = new Promise((resolve) => void socket.on('close', resolve));
    arm(socket);
    http.socket.write(says ?? clientFrame(0x81, Buffer.from('{"t":"nothing"}')));
    http.socket.write(clientFrame(0x81, Buffer.from('{"t":"nothing"}')));
    await once(http.socket, 'close');
    expect(served.errors).toMatchObject([{ code: 'TC_SOCKET_FAILED', cause: boom }]);
    expect(served.evictions).toMatchObject([{ code: 1006 }]);
    expect(served.hub.stats().connections.total).toBe(1);
    // and its WebSocketServer forgets it
    await closed;
    expect(bystander.socket.readyState).toBe('open');
  },
);

it.each(['attach', 'accept'] as const)('a peer that pings and reads no answer costs nothing: %s', async (way) => {
  // else its pings are too many
  const served = await serve(way, { maxInputPerSecond: Infinity });
  const { socket, received } = await served.connect(false);
  const { hub } = served;
  socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(0x89, Buffer.alloc(125, 'x'))));
  // 60 MB of answers; the kernel takes some of them
  for (let i = 0; i < 480; i++) {
    if (!socket.write(pings)) await once(socket, 'drain');
  }
  const [connection] = hub.connections;
  expect(connection?.stats.unsentBytes).toBeLessThan(128 * 1024);
  expect(connection?.state).not.toBe('evicted');
  // the newest one is answered
  const last = Buffer.from('the last one');
  socket.write(clientFrame(0x89, last));
  await after(20);
  socket.resume();
  while (!received().includes(last)) await after(5);
});
