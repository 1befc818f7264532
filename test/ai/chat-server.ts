import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readUIMessageStream, WebSocketChatTransport, type UIMessage, type UIMessageChunk } from 'ai';
import { expect, onTestFinished } from 'vitest';
import { serveChat, type ChatServer, type ServeChatOptions } from '../../src/ai/index.ts';
import { createHub, type Hub, type HubOptions } from '../../src/index.ts';

/** A hub that serves chats, and clients of it. */
export interface ChatHarness {
  readonly hub: Hub;
  readonly chat: ChatServer;
  readonly url: string;
  readonly errors: unknown[];
  transport(): WebSocketChatTransport<UIMessage>;
}

export async function startChat(
  options: ServeChatOptions<UIMessage>,
  hubOptions: HubOptions = {},
): Promise<ChatHarness> {
  const hub = createHub({ sweepMs: 100, ...hubOptions });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const server = createServer();
  const chat = serveChat(hub, server, { authorize: () => true, ...options });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const url = `ws://127.0.0.1:${address.port}/api/chat`;
  const transports: WebSocketChatTransport<UIMessage>[] = [];
  onTestFinished(async () => {
    for (const transport of transports) transport.close();
    await hub.close();
    server.close();
  });
  return {
    hub,
    chat,
    url,
    errors,
    transport() {
      const transport = new WebSocketChatTransport<UIMessage>({ url });
      transports.push(transport);
      return transport;
    },
  };
}

export const user = (text: string, id = 'u1'): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text }] });

export function send(
  transport: WebSocketChatTransport<UIMessage>,
  chatId = 'c',
  about: {
    messages?: UIMessage[];
    abortSignal?: AbortSignal;
    trigger?: 'submit-message' | 'regenerate-message';
    body?: object;
  } = {},
): Promise<ReadableStream<UIMessageChunk>> {
  const { messages = [user('hello')], abortSignal, trigger = 'submit-message', body } = about;
  return transport.sendMessages({
    chatId,
    messages,
    abortSignal,
    trigger,
    messageId: undefined,
    ...(body && { body }),
  });
}

export const resume = (
  transport: WebSocketChatTransport<UIMessage>,
  chatId = 'c',
): Promise<ReadableStream<UIMessageChunk> | null> => transport.reconnectToStream({ chatId });

/** Collects the chunks of a stream as they come. */
export function collect(stream: ReadableStream<UIMessageChunk> | null): {
  readonly chunks: UIMessageChunk[];
  readonly over: Promise<UIMessageChunk[]>;
  readonly text: string;
} {
  if (stream === null) throw new Error('no stream');
  const chunks: UIMessageChunk[] = [];
  const read = async (): Promise<UIMessageChunk[]> => {
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return chunks;
      chunks.push(value);
    }
  };
  const over = read();
  over.catch(() => {});
  return {
    chunks,
    over,
    get text() {
      return chunks.map((chunk) => (chunk.type === 'text-delta' ? chunk.delta : '')).join('');
    },
  };
}

/** The message that the AI SDK makes of chunks. */
export async function messageOf(
  chunks: readonly UIMessageChunk[],
  message?: UIMessage,
): Promise<UIMessage | undefined> {
  let last: UIMessage | undefined;
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(structuredClone(chunk));
      controller.close();
    },
  });
  const errors: unknown[] = [];
  const start = message === undefined ? {} : { message: structuredClone(message) };
  for await (const next of readUIMessageStream({ stream, ...start, onError: (error) => errors.push(error) }))
    last = next;
  expect(errors).toEqual([]);
  return JSON.parse(JSON.stringify(last ?? null));
}

/** A source that a test feeds by hand. */
export class Tap implements AsyncIterable<UIMessageChunk> {
  readonly #waiting: UIMessageChunk[] = [];
  #wake: (() => void) | undefined;
  #isOver = false;
  #failure: Error | undefined;
  isReturned = false;

  push(...chunks: UIMessageChunk[]): void {
    this.#waiting.push(...chunks);
    this.#wake?.();
  }

  text(...deltas: string[]): void {
    this.push(...deltas.map((delta): UIMessageChunk => ({ type: 'text-delta', id: 't', delta })));
  }

  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<UIMessageChunk> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) yield next;
        else if (this.#failure !== undefined) throw this.#failure;
        else if (this.#isOver) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.isReturned = true;
    }
  }
}

export const START: readonly UIMessageChunk[] = [
  { type: 'start', messageId: 'a1' },
  { type: 'start-step' },
  { type: 'text-start', id: 't' },
];
export const END: readonly UIMessageChunk[] = [
  { type: 'text-end', id: 't' },
  { type: 'finish-step' },
  { type: 'finish' },
];
