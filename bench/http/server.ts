/** One server of the comparison, in a process of its own: `sse`, `websocket`, or a `naive` loop of `response.write`. */
import { createServer, type ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { createHub } from 'threadcast';
import { httpHandler } from 'threadcast/http';

/** What the parent asks for. */
export interface Order {
  /** Messages to send to all; 0 only measures. */
  readonly messages: number;
}

/** What the server answers. */
export interface Answer {
  readonly port?: number;
  readonly connections: number;
  /** CPU of the process for the order. */
  readonly cpuUs: number;
  /** Of the heap and of buffers, after garbage collection. */
  readonly heldBytes: number;
}

const PAYLOAD = { text: 'x'.repeat(1_000) };
const kind = process.argv[2];
const hub = createHub({ nativeSender: false });
const door = httpHandler(hub, { authorize: () => true });
const naive = new Set<ServerResponse>();
const server = createServer((request, response) => {
  if (kind !== 'naive') {
    door.node(request, response);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  naive.add(response);
  response.on('close', () => naive.delete(response));
});
hub.attach(server, { authorize: () => true });

async function send(n: number): Promise<void> {
  if (kind !== 'naive') {
    await hub.thread('t').send(PAYLOAD);
    return;
  }
  const event = `id: ${n}\ndata: ${JSON.stringify(PAYLOAD)}\n\n`;
  for (const response of naive) response.write(event);
}

const connections = (): number => (kind === 'naive' ? naive.size : hub.stats().connections.total);

process.on('message', ({ messages }: Order) => {
  void (async () => {
    // what a finalizer lets go takes another round
    for (let rounds = 0; rounds < 4; rounds++) globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    const before = process.cpuUsage();
    for (let n = 0; n < messages; n++) {
      await send(n);
      await turn();
    }
    const { user, system } = process.cpuUsage(before);
    const heldBytes = heapUsed + external;
    const answer: Answer = { connections: connections(), cpuUs: user + system, heldBytes };
    process.send?.(answer);
  })();
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.send?.({ port, connections: 0, cpuUs: 0, heldBytes: 0 } satisfies Answer);
});
