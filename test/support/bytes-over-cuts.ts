import type { Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect, type Client } from '../../src/bytes/index.ts';
import type { WebSocketConstructor } from '../../src/client/index.ts';
import type { DeliveryLog, Receipt } from '../../src/index.ts';
import { serve } from './gateway.ts';
import { mulberry32 } from './random.ts';
import { seed } from './tier.ts';

/** A client, or a pool. */
type Reader = Pick<Client, 'join' | 'publish' | 'close'>;

function openClient(Socket: WebSocketConstructor): Reader {
  const client = connect('ws://hub', { WebSocket: Socket, backoff: { minMs: 5, maxMs: 30 } });
  client.on('error', () => {});
  return client;
}

/** From nothing to well beyond what comes in parts. */
const SIZES = [0, 1, 2, 125, 126, 5_000, 65_535, 65_536, 262_143, 262_144, 700_001];

const MESSAGES = 60;

/**
 * Bytes and texts of all sizes, sent by the server and by the client, while the client's lines are cut and it comes back, each time at
 * another node. It has each message once, in order, and equal.
 * @param logs one for each node
 * @param open makes the client
 * @returns which of them are wrong
 */
export async function bytesOverCuts(
  logs: readonly DeliveryLog[],
  open: (WebSocket: WebSocketConstructor) => Reader = openClient,
): Promise<readonly unknown[]> {
  const random = mulberry32(seed);
  const pick = <T>(list: readonly T[]): T => {
    const one = list[Math.floor(random() * list.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  };
  const sockets = new Set<Socket>();
  const nodes = await Promise.all(
    logs.map(async (log) => {
      const node = await serve(
        {
          authenticate: () => ({ userId: 'ada' }),
          authorize: () => true,
          onPublish: (_, { threadId, id, data }): Promise<Receipt> =>
            node.hub.thread(threadId).send(data, { idempotencyKey: id }),
          compress: true,
        },
        { log, maxInputBytes: 2_000_000 },
      );
      node.http.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      return node;
    }),
  );
  let dials = 0;
  class Roaming extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url.replace('ws://hub', nodes[dials++ % nodes.length]?.url ?? ''), protocols);
    }
  }
  const client = open(Roaming);
  onTestFinished(() => client.close());
  const thread = client.join('t', { from: 'start' });
  const got: unknown[] = [];
  thread.on('message', ({ data }) => got.push(data));
  const sent: unknown[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const size = pick(SIZES);
    const bytes = Uint8Array.from({ length: size }, () => random() * 256);
    const message = random() < 0.7 ? bytes : `text ${'ü'.repeat(size / 2)}`;
    sent.push(typeof message === 'string' ? message : bytes.slice());
    if (random() < 0.3) for (const socket of sockets) socket.destroy();
    if (random() < 0.3) await client.publish('t', message);
    else await pick(nodes).hub.thread('t').send(message);
    bytes.fill(255);
  }
  await expect.poll(() => got.length).toBe(MESSAGES);
  // a difference of megabytes cannot be printed
  const wrong = sent.flatMap((message, i) => (isSame(message, got[i]) ? [] : [i]));
  const small = [
    new Uint8Array(),
    'text',
    new Uint8Array(5_000).fill(7),
    new Uint8Array(70_000).fill(8),
    Uint8Array.of(0),
  ];
  const late = client.join('t2');
  for (const message of small) await client.publish('t2', message);
  await expect.poll(() => late.position).toBeDefined();
  const reader = open(Roaming);
  onTestFinished(() => reader.close());
  const reading = reader.join('t2');
  const past: unknown[] = [];
  for (let hasOlder = true; hasOlder;) {
    const page = await reading.loadOlder({ limit: 2 });
    past.unshift(...page.messages.map(({ data }) => data));
    hasOlder = page.hasOlder;
  }
  expect(past.length).toBe(small.length);
  const wrongInPages = small.flatMap((message, i) => (isSame(message, past[i]) ? [] : [`page ${i}`]));
  return [...wrong, ...wrongInPages];
}

function isSame(sent: unknown, got: unknown): boolean {
  if (sent instanceof Uint8Array) return got instanceof Uint8Array && Buffer.compare(sent, got) === 0;
  return sent === got;
}
