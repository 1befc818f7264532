import { ServerResponse, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { Guest, makeHub, listen, slowly, type Door } from '../support/gateway.ts';

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  if (socket instanceof Socket) response.assignSocket(socket);
  return response;
}

/** Other handlers that take every path for their own, as they are written out there. */
const others: Record<string, () => UpgradeListener> = {
  '@fastify/websocket: a response like that of a request': () => (request, socket) => {
    const response = responseOn(request, socket);
    response.writeHead(404).end('not found');
  },
  'the same, after a hook that waits': () => (request, socket) => {
    const response = responseOn(request, socket);
    setTimeout(() => response.writeHead(404).end('not found'), 20);
  },
  'the adapter of Nest: destroys what is not its own': () => (_, socket) => void socket.destroy(),
  'an answer on a socket that stays open': () => (_, socket) =>
    void socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
  'ws with a path of its own': () => {
    const theirs = new WebSocketServer({ noServer: true, path: '/theirs' });
    return (request, socket, head) => theirs.handleUpgrade(request, socket, head, () => {});
  },
};

async function beside(listener: UpgradeListener, when: string, options = {}): Promise<Omit<Door, 'detach' | 'url'>> {
  const { http, port } = await listen();
  const { hub, errors } = makeHub();
  if (when === 'before') http.on('upgrade', listener);
  hub.attach(http, { path: '/chat', ...options });
  if (when === 'after') http.on('upgrade', listener);
  return { http, hub, errors, port };
}

describe.each(['before', 'after'])('beside a handler that was attached %s', (when) => {
  it.each(Object.entries(others))('%s is seen, and the socket left to it', async (_, make) => {
    const { hub, errors, port } = await beside(make(), when);
    expect(await new Guest(`ws://127.0.0.1:${port}/chat`).status).not.toBe(101);
    await expect
      .poll(() => errors)
      .toEqual([
        expect.objectContaining({
          code: 'TC_UPGRADE_TAKEN',
          path: '/chat',
          message: expect.stringContaining('hub.accept'),
        }),
      ]);
    expect(hub.stats().connectionsAccepted).toBe(0);
  });
});

it.each([
  ['lets the client in', { userId: 'ada' }],
  ['refuses it', false as const],
])('is seen as well where authenticate answers late and %s', async (_, answer) => {
  const slow = slowly();
  const { errors, port, hub } = await beside((_request, socket) => void socket.destroy(), 'after', {
    authenticate: slow.authenticate,
  });
  const refused: unknown[] = [];
  hub.on('refused', (news) => refused.push(news));
  const guest = new Guest(`ws://127.0.0.1:${port}/chat`);
  const [call] = await slow.called(1);
  expect(await guest.status).toBe(0);
  call?.answer(answer);
  await expect.poll(() => errors).toEqual([expect.objectContaining({ code: 'TC_UPGRADE_TAKEN' })]);
  expect(refused).toEqual([]);
});

it('is seen where the hub would have refused', async () => {
  const { http, port } = await listen();
  const { hub, errors } = makeHub();
  hub.attach(http, { path: '/chat', allowedOrigins: [] });
  http.prependListener(
    'upgrade',
    (_, socket) => void socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
  );
  const refused: unknown[] = [];
  hub.on('refused', (news) => refused.push(news));
  const guest = new Guest(`ws://127.0.0.1:${port}/chat`, { headers: { origin: 'https://a.example' } });
  expect(await guest.status).toBe(404);
  expect(errors).toEqual([expect.objectContaining({ code: 'TC_UPGRADE_TAKEN' })]);
  expect(refused).toEqual([]);
});
