import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerTo, Guest, HANDSHAKE, request, serve, slowly, type Door } from '../support/gateway.ts';

// what a client does to its own handshake is never the act of another listener (`TC_UPGRADE_TAKEN`)

/** A masked text frame of one byte (RFC 6455 section 5.2). */
const FRAME = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]);

/** More than a stream reads ahead. */
const FLOOD = Buffer.concat(Array.from({ length: 100_000 }, () => FRAME));

const cuts: Record<string, (socket: Socket) => void> = {
  'ends its side': (socket) => socket.end(),
  'resets its connection': (socket) => socket.resetAndDestroy(),
  'sends a frame and ends its side': (socket) => socket.end(FRAME),
  'sends a frame and resets its connection': (socket) => socket.write(FRAME, () => socket.resetAndDestroy()),
  'sends more than is read ahead, and ends its side': (socket) => socket.end(FLOOD),
  'sends more than is read ahead, and resets its connection': (socket) =>
    void (socket.write(FLOOD), setImmediate(() => socket.resetAndDestroy())),
};

function dial({ port }: Door, text: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write(text);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** The server has seen what came before. */
const passes = ({ port }: Door): Promise<string> => answerTo(port, request(['Host: localhost', 'Connection: close']));

describe.each([true, false])('while authenticate works, which then lets it in: %s', (isLetIn) => {
  it.each(Object.entries(cuts))('a client that %s is not taken by another listener', async (_, cut) => {
    const slow = slowly();
    const door = await serve({ path: '/chat', authenticate: slow.authenticate });
    const socket = dial(door, request(HANDSHAKE, '/chat'));
    const [call] = await slow.called(1);
    cut(socket);
    await passes(door);
    call?.answer(isLetIn && { userId: 'ada' });
    // answered after it
    const next = new Guest(`${door.url}/chat`);
    (await slow.called(2))[1]?.answer({ userId: 'bob' });
    await next.got('hello');
    expect(door.errors).toEqual([]);
  });
});

describe('a handshake behind a request without an answer yet', () => {
  it.each(['/chat', '/other'])('is cut, for %s', async (path) => {
    const door = await serve({ path: '/chat' });
    const refused: unknown[] = [];
    door.hub.on('refused', ({ reason, status }) => refused.push([reason, status]));
    const responses: ServerResponse[] = [];
    door.http.removeAllListeners('request').on('request', (_request, response) => responses.push(response));
    const socket = dial(door, request(['Host: localhost']) + request(HANDSHAKE, path));
    await once(socket.resume(), 'end');
    // the application answers late
    for (const response of responses) response.end('a page');
    expect(responses).toHaveLength(1);
    expect(refused).toEqual([path === '/chat' ? ['malformed', 400] : ['path', 404]]);
    expect(door.errors).toEqual([]);
  });

  it('is answered after an answer that is there', async () => {
    const door = await serve({ path: '/chat' });
    const socket = dial(door, request(['Host: localhost']));
    const heard = (async () => {
      let text = '';
      for await (const chunk of socket) {
        text += String(chunk);
        if (text.endsWith('a page')) socket.write(request(HANDSHAKE, '/chat'));
        if (text.includes('101 Switching')) return text;
      }
      return text;
    })();
    expect(await heard).toContain('a page');
    expect(door.errors).toEqual([]);
  });
});
