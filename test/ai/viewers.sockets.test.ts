import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { UIMessage, UIMessageChunk } from 'ai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { chatTransport } from '../../src/ai/client/index.ts';
import { serveChat, uiMessageCodec } from '../../src/ai/index.ts';
import { connect } from '../../src/chunks/index.ts';
import { createHub, type Hub } from '../../src/index.ts';
import { END, START, Tap } from './chat-server.ts';

const VIEWERS = 1_000;

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 20 }).toBe(true);

interface Answering {
  readonly hub: Hub;
  readonly tap: Tap;
  readonly origin: string;
}

/** A hub whose answer is in progress. */
async function answering(): Promise<Answering> {
  // the longest answer here has 60 MiB
  const hub = createHub({ sweepMs: 100, streams: { maxBytes: 128 * 1_048_576 } });
  // answers are cut off when a test has seen enough
  hub.on('error', () => {});
  const http = createServer();
  const tap = new Tap();
  const server = serveChat(hub, http, { authorize: () => true, run: () => tap });
  hub.attach(http, {
    path: '/ws',
    authorize: () => true,
    onPublish: (session, message) => server.onPublish(session, message) ?? false,
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address: AddressInfo | string | null = http.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  onTestFinished(async () => {
    await hub.close();
    http.close();
  });
  const origin = `ws://127.0.0.1:${address.port}`;
  const asking = await stock(origin);
  const message = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'go' }] };
  const trigger = 'submit-message';
  asking.say({ type: 'send', requestId: 'r', id: 'c', trigger, messages: [message], headers: {}, body: {} });
  tap.push(...START);
  await until(() => server.runs === 1 && asking.frames.length > 0);
  return { hub, tap, origin };
}

interface StockViewer {
  readonly socket: WebSocket;
  readonly frames: { readonly type: string; readonly sequence?: number; readonly chunk?: UIMessageChunk }[];
  say(frame: object): void;
}

/** Speaks the frames of `WebSocketChatTransport`. */
async function stock(origin: string): Promise<StockViewer> {
  const socket = new WebSocket(`${origin}/api/chat`);
  const frames: StockViewer['frames'] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return { socket, frames, say: (frame) => socket.send(JSON.stringify(frame)) };
}

const textIn = (chunks: readonly (UIMessageChunk | undefined)[]): string =>
  chunks.map((chunk) => (chunk?.type === 'text-delta' ? chunk.delta : '')).join('');

/** Some at a time: the hub limits handshakes that are in progress. */
async function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) all.push(...(await Promise.all(Array.from({ length: 50 }, make))));
  return all;
}

async function speak({ tap }: Answering): Promise<string> {
  const words = Array.from({ length: 100 }, (_, n) => `word${n} `);
  for (let n = 0; n < words.length; n += 10) {
    tap.text(...words.slice(n, n + 10));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  tap.push(...END);
  tap.end();
  return words.join('');
}

describe(`${VIEWERS} viewers of one answer`, () => {
  test('with the frames of WebSocketChatTransport: each has all of it, contiguous from 0', async () => {
    const answer = await answering();
    const viewers = await many(VIEWERS, async () => {
      const viewer = await stock(answer.origin);
      viewer.say({ type: 'resume', requestId: 'v', id: 'c', headers: {}, body: {} });
      return viewer;
    });
    const text = await speak(answer);
    await until(() => viewers.every(({ frames }) => frames.at(-1)?.type === 'end'));
    for (const { frames } of viewers) {
      const chunks = frames.filter(({ type }) => type === 'chunk');
      expect(chunks.every(({ sequence }, n) => sequence === n)).toBe(true);
      expect(chunks[0]?.chunk).toMatchObject({ type: 'start', messageId: 'a1' });
      expect(chunks.at(-1)?.chunk?.type).toBe('finish');
      expect(textIn(chunks.map(({ chunk }) => chunk))).toBe(text);
    }
  });

  test('with chatTransport: each has all of it', async () => {
    const answer = await answering();
    const viewers = await many(VIEWERS, async () => {
      const client = connect(`${answer.origin}/ws`);
      onTestFinished(() => client.close());
      const stream = await chatTransport<UIMessage, UIMessageChunk>(client).reconnectToStream({ chatId: 'c' });
      const chunks: UIMessageChunk[] = [];
      const over = (async () => {
        const reader = stream?.getReader();
        for (;;) {
          const step = await reader?.read();
          if (step?.done !== false) return;
          chunks.push(step.value);
        }
      })();
      return { chunks, over };
    });
    const text = await speak(answer);
    await Promise.all(viewers.map(({ over }) => over));
    for (const { chunks } of viewers) {
      expect(chunks[0]).toMatchObject({ type: 'start', messageId: 'a1' });
      expect(chunks.at(-1)?.type).toBe('finish');
      expect(textIn(chunks)).toBe(text);
    }
  });
});

describe('a stalled viewer costs the same, however long the answer is', () => {
  const STALLED = 10;
  const KIB = 1_024;

  const stalls = {
    async 'frames of WebSocketChatTransport'(origin: string): Promise<WebSocket> {
      const viewer = await stock(origin);
      viewer.say({ type: 'resume', requestId: 'v', id: 'c', headers: {}, body: {} });
      await until(() => viewer.frames.length > 0);
      return viewer.socket;
    },
    async 'frames of chatTransport'(origin: string): Promise<WebSocket> {
      const socket = new WebSocket(`${origin}/ws`);
      onTestFinished(() => socket.terminate());
      await once(socket, 'open');
      const heard = new Promise<void>((resolve) =>
        socket.on('message', (data) => void (String(data).includes('"chunks"') && resolve())),
      );
      socket.send(JSON.stringify({ t: 'join', th: 'chat:c', codecs: [uiMessageCodec.name] }));
      await heard;
      return socket;
    },
  };

  /** Bytes of this process that go with a stalled viewer, when an answer of so many KiB is there. */
  async function costEach(stall: (origin: string) => Promise<WebSocket>, kib: number): Promise<number> {
    const answer = await answering();
    const others = answer.hub.stats().connections.total;
    const stalled: WebSocket[] = [];
    while (stalled.length < STALLED) {
      const socket = await stall(answer.origin);
      socket.pause();
      stalled.push(socket);
    }
    const reader = await stock(answer.origin);
    let read = 0;
    reader.socket.on(
      'message',
      () =>
        (read = reader.frames
          .splice(0)
          .reduce((sum, { chunk }) => sum + (chunk?.type === 'text-delta' ? chunk.delta.length : 0), read)),
    );
    reader.say({ type: 'resume', requestId: 'v', id: 'c', headers: {}, body: {} });
    const word = 'x'.repeat(4 * KIB);
    for (let n = 0; n < kib / 4; n++) {
      answer.tap.text(word);
      if (n % 16 === 15) await until(() => read >= (n - 64) * word.length);
    }
    await until(() => read === (kib / 4) * word.length);
    const withThem = await bytes();
    for (const socket of stalled) socket.terminate();
    await until(() => answer.hub.stats().connections.total === others + 1);
    const without = await bytes();
    await answer.hub.close();
    return (withThem - without) / STALLED;
  }

  async function bytes(): Promise<number> {
    for (let n = 0; n < 3; n++) {
      globalThis.gc?.();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }

  test.each(Object.entries(stalls))('%s', async (_, stall) => {
    // an earlier answer goes some seconds after its test: it must not go between two measurements
    await expect.poll(bytes, { interval: 100 }).toBeLessThan(160 * KIB * KIB);
    const [short, long] = [await costEach(stall, 6_144), await costEach(stall, 61_440)];
    // what a socket holds that takes nothing; a queue would have as much as the answer
    expect(short).toBeLessThan(1_024 * KIB);
    expect(long).toBeLessThan(1_024 * KIB);
  });
});
