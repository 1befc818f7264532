import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventSocket } from '../../src/client/event-socket.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** A server of one stream, whose answers to requests with frames the test gives. */
class Server {
  readonly bodies: string[] = [];
  readonly #answers: PromiseWithResolvers<Response>[] = [];
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;

  readonly fetch = (_url: string, { method, body, signal }: RequestInit): Promise<Response> => {
    if (method === 'POST') {
      this.bodies.push(typeof body === 'string' ? body : '');
      const answer = Promise.withResolvers<Response>();
      signal?.addEventListener('abort', () => answer.reject(new Error('aborted')));
      this.#answers.push(answer);
      return answer.promise;
    }
    const stream = new ReadableStream<Uint8Array>({ start: (controller) => void (this.#stream = controller) });
    this.say({ t: 'link', key: 'k' });
    return Promise.resolve(new Response(stream));
  };

  say(frame: object): void {
    this.#stream?.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(frame)}\n\n`));
  }

  answer(status: number): void {
    this.#answers.shift()?.resolve(new Response(null, { status }));
  }

  lose(): void {
    this.#answers.shift()?.reject(new TypeError('fetch failed'));
  }
}

let server: Server;
let clock: VirtualClock;

beforeEach(() => {
  server = new Server();
  clock = new VirtualClock();
  vi.stubGlobal('fetch', server.fetch);
});

afterEach(() => vi.unstubAllGlobals());

/** An open socket, and what it says when it ends. */
async function open(): Promise<{ socket: EventSocket; ends: unknown[] }> {
  const socket = new EventSocket('ws://hub.test/?cid=c', {}, clock);
  const ends: unknown[] = [];
  socket.addEventListener('close', (event) => ends.push(event));
  await new Promise((resolve) => {
    socket.addEventListener('open', resolve);
  });
  return { socket, ends };
}

it('ends when the connection of a request with frames is dead, while events go on', async () => {
  const { socket, ends } = await open();
  socket.send('{"t":"ack"}');
  await clock.advance(29_000);
  expect(ends).toEqual([]);
  await clock.advance(2_000);
  expect(ends).toEqual([{ code: 1006, reason: 'request timeout' }]);
  expect(clock.pending).toBe(0);
});

it('gives a big request more time', async () => {
  const { socket, ends } = await open();
  socket.send(`"${'x'.repeat(800_000)}"`);
  await clock.advance(129_000);
  expect(ends).toEqual([]);
  server.answer(204);
  await clock.advance(1_000_000);
  expect(ends).toEqual([]);
});

it.each([
  ['the process has no such connection any more', () => server.answer(404)],
  ['the process has ended', () => server.lose()],
])('has the code of a close that a failed request overtakes: %s', async (_, fail) => {
  const { socket, ends } = await open();
  socket.send('{"t":"ack"}');
  fail();
  await clock.advance(400);
  // nothing goes out meanwhile
  socket.send('{"t":"ack"}');
  server.say({ t: 'close', code: 4_000, reason: 'moved' });
  await clock.advance(10);
  expect(ends).toEqual([{ code: 4_000, reason: 'moved' }]);
  expect(server.bodies).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

it('ends soon where the stream belongs to another process', async () => {
  const { socket, ends } = await open();
  socket.send('{"t":"ack"}');
  server.answer(404);
  await clock.advance(1_100);
  expect(ends).toEqual([{ code: 1006, reason: 'HTTP 404' }]);
});
