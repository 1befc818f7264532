import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createHub, memoryLog, type Hub } from '../../src/index.ts';
import { attachRelay, createPool, relayLog } from '../../src/pool/index.ts';
import { FakeLink } from '../../src/testing/index.ts';

const MESSAGES = 50;

/** Longer than all that the relay and a node say to each other besides, in the time of a test. */
const BESIDES_BYTES = 1_000;

it('a thousand members of an edge node cost upstream what one costs: one subscription, each message once', async () => {
  const server = createServer();
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  const relay = attachRelay(server, { log: memoryLog(), authenticate: () => true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    relay.close();
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const startNode = async (): Promise<{ readonly hub: Hub; readonly line: Socket | undefined }> => {
    const hub = createHub({
      log: relayLog({ pool: createPool({ url: `ws://127.0.0.1:${port}/relay`, WebSocket, token: 'any' }) }),
    });
    onTestFinished(() => hub.close());
    await hub.thread('first').send('hello');
    return { hub, line: sockets.at(-1) };
  };
  const edge = await startNode();
  const publisher = await startNode();
  const links: FakeLink[] = [];
  const grow = async (members: number): Promise<void> => {
    while (links.length < members) {
      const link = new FakeLink();
      links.push(link);
      await edge.hub.accept(link.attach, { authorize: () => true }).join('t');
    }
  };
  /** Bytes to the edge node, and from it, for the messages. */
  const measure = async (): Promise<readonly [number, number]> => {
    const before = [edge.line?.bytesWritten ?? 0, edge.line?.bytesRead ?? 0] as const;
    const seen = links.map(({ messages }) => messages.length);
    for (let n = 0; n < MESSAGES; n++) await publisher.hub.thread('t').send({ n, text: 'x'.repeat(200) });
    await expect.poll(() => links.every(({ messages }, i) => messages.length === (seen[i] ?? 0) + MESSAGES)).toBe(true);
    return [(edge.line?.bytesWritten ?? 0) - before[0], (edge.line?.bytesRead ?? 0) - before[1]];
  };
  await grow(1);
  const [toOne, fromOne] = await measure();
  await grow(1_000);
  const [toAll, fromAll] = await measure();
  expect(toOne).toBeGreaterThan(MESSAGES * 200);
  expect(Math.abs(toAll - toOne)).toBeLessThan(BESIDES_BYTES);
  expect(fromOne).toBeLessThan(BESIDES_BYTES);
  expect(fromAll).toBeLessThan(BESIDES_BYTES);
});
