import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  connect,
  type Client,
  type ClientThread,
  type ConnectOptions,
  type Message,
  type StateChange,
  type ThreadEvents,
} from '../../src/client/index.ts';
import { createHub, type AcceptOptions, type Hub } from '../../src/index.ts';

/** A real server on loopback: its hub can be replaced, its sockets destroyed. */
export interface HubServer {
  readonly hub: Hub;
  readonly url: string;
  /** TCP sockets that were accepted, newest last. */
  readonly sockets: readonly Socket[];
  /** A deploy: the next connections are another hub's. */
  replaceHub(): void;
}

export async function serveHub(options: AcceptOptions = {}): Promise<HubServer> {
  const hubs = [createHub()];
  const current = (): Hub => {
    const hub = hubs.at(-1);
    if (hub === undefined) throw new Error('no hub');
    return hub;
  };
  const http = createServer();
  const wss = new WebSocketServer({ server: http });
  const sockets: Socket[] = [];
  wss.on('connection', (webSocket, { socket, url = '' }) => {
    sockets.push(socket);
    const clientId = new URL(url, 'ws://localhost').searchParams.get('cid') ?? undefined;
    current().accept(webSocket, { authorize: (threadId) => !threadId.startsWith('secret'), clientId, ...options });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  onTestFinished(async () => {
    await Promise.all(hubs.map((hub) => hub.close()));
    wss.close();
    http.close();
    http.closeAllConnections();
    await once(http, 'close');
  });
  return {
    url: `ws://127.0.0.1:${address.port}`,
    sockets,
    get hub() {
      return current();
    },
    replaceHub: () => void hubs.push(createHub()),
  };
}

/** A client that is closed when the test ends, and comes back quickly. */
export function testClient(url: string, options: ConnectOptions = {}): Client {
  const client = connect(url, { backoff: { minMs: 1, maxMs: 20 }, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Resolves with the thread's next event of this name that `isIt`. */
export function nextOf<E extends keyof ThreadEvents>(
  thread: ClientThread,
  event: E,
  isIt: (news: ThreadEvents[E]) => boolean = () => true,
): Promise<ThreadEvents[E]> {
  return new Promise((resolve) => {
    const off = thread.on(event, (news) => {
      if (!isIt(news)) return;
      off();
      resolve(news);
    });
  });
}

/** Resolves with the client's next change of state. */
export function nextState(client: Client): Promise<StateChange> {
  return new Promise((resolve) => {
    const off = client.on('state', (change) => {
      off();
      resolve(change);
    });
  });
}

/** The data of the next `count` messages. */
export async function take(iterator: AsyncIterator<Message>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) {
    const result = await iterator.next();
    if (result.done === true) break;
    taken.push(result.value.data);
  }
  return taken;
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
