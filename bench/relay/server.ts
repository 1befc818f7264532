/** One process of the benchmark: `server.ts single`, `server.ts primary <socket>` or `server.ts worker <socket>`. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createHub, memoryLog, type DeliveryLog } from 'threadcast';
import { attachRelay, createPool, relayLog } from 'threadcast/pool';
import { WebSocket } from 'ws';

/** What the parent asks for. Without messages it only measures. */
export interface Order {
  /** Messages to send: so many a second, or, without a rate, with so many in flight. */
  readonly messages?: number;
  readonly rate?: number;
  readonly inFlight?: number;
}

/** What a process answers, counted since its start. */
export interface Answer {
  /** Of a hub, on loopback. */
  readonly port: number;
  /** CPU of the whole process, all threads. */
  readonly cpuUs: number;
  readonly members: number;
  /** Bytes that the nodes of a primary have got from it, and sent to it. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** How long the order took. */
  readonly ms: number;
}

const PAYLOAD = { text: 'x'.repeat(200) };

const [, , role = 'single', path = ''] = process.argv;
const sockets = new Set<Socket>();
const server = createServer();
const hub =
  role === 'primary'
    ? undefined
    : createHub({ log: role === 'worker' ? logOf(path) : memoryLog(), nativeSender: false });

function logOf(socket: string): DeliveryLog {
  return relayLog({ pool: createPool({ url: `ws+unix:${socket}:/relay`, WebSocket, token: 'secret' }) });
}

if (hub === undefined) {
  server.on('connection', (socket) => sockets.add(socket));
  attachRelay(server, { log: memoryLog(), authenticate: (_request, { token }) => token === 'secret' });
} else {
  hub.on('error', (error) => console.error(error));
  hub.on('connection', (connection) => void connection.join('t'));
  hub.attach(server, { authenticate: () => ({}), compress: false });
}

const portOf = (of: Server): number => {
  const address = of.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

async function send({ messages = 0, rate, inFlight = 1_000 }: Order): Promise<void> {
  const thread = hub?.thread('t');
  if (thread === undefined) return;
  const flying = new Set<Promise<unknown>>();
  const began = performance.now();
  for (let sent = 0; sent < messages;) {
    const due = rate === undefined ? messages : Math.min(messages, ((performance.now() - began) * rate) / 1_000);
    for (; sent < due && flying.size < inFlight; sent++) {
      const sending = thread.send(PAYLOAD).finally(() => flying.delete(sending));
      flying.add(sending);
    }
    if (rate === undefined) await Promise.race(flying);
    // a timer for each message: more of them would be counted as its cost
    else await delay(1_000 / rate);
  }
  await Promise.all(flying);
}

process.on('message', (order: Order) => {
  void (async () => {
    const began = performance.now();
    await send(order);
    answer(performance.now() - began);
  })();
});
process.on('disconnect', () => process.exit());

function answer(ms: number): void {
  const { user, system } = process.cpuUsage();
  const sum = (of: (socket: Socket) => number): number => [...sockets].reduce((all, socket) => all + of(socket), 0);
  process.send?.({
    port: portOf(server),
    cpuUs: user + system,
    members: hub?.thread('t').members.length ?? 0,
    bytesOut: sum(({ bytesWritten }) => bytesWritten),
    bytesIn: sum(({ bytesRead }) => bytesRead),
    ms,
  } satisfies Answer);
}

if (role === 'primary') server.listen(path);
else server.listen(0, '127.0.0.1');
await once(server, 'listening');
// the log of a worker is there
await hub?.thread('t').send(PAYLOAD);
answer(0);
