import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { StreamChunk, UIMessage } from '@tanstack/ai/client';
import { ChatClient, StreamProcessor, type SubscribeConnectionAdapter } from '@tanstack/ai-client';
import { onTestFinished } from 'vitest';
import { tanstackConnection } from '../../src/ai/tanstack/index.ts';
import { agUiCodec, serveRuns, type RunServer, type RunTurn } from '../../src/ai/index.ts';
import { connect, type ChunkClient } from '../../src/chunks/index.ts';
import { createHub, type Hub, type HubOptions } from '../../src/index.ts';

/** A tab with a chat of TanStack AI. */
export interface RunTab {
  readonly client: ChunkClient;
  readonly connection: SubscribeConnectionAdapter;
  readonly chat: ChatClient;
  readonly failures: unknown[];
}

export interface RunHarness {
  readonly hub: Hub;
  readonly server: RunServer;
  readonly turns: RunTurn<UIMessage>[];
  readonly errors: unknown[];
  /** TCP sockets of clients, the newest last. */
  readonly sockets: Socket[];
  readonly url: string;
  tab(threadId?: string, at?: string): RunTab;
}

export async function startRuns(
  run: (turn: RunTurn<UIMessage>) => AsyncIterable<StreamChunk>,
  onError: (error: unknown) => string = () => 'failed',
  { streams, ...hubOptions }: HubOptions = {},
): Promise<RunHarness> {
  const hub = createHub({ sweepMs: 100, ...hubOptions, streams: { codecs: [agUiCodec], ...streams } });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const turns: RunTurn<UIMessage>[] = [];
  const server = serveRuns<StreamChunk, UIMessage>(hub, {
    processor: () => new StreamProcessor(),
    authorize: (_, threadId) => threadId !== 'chat:secret',
    run(turn) {
      turns.push(turn);
      return run(turn);
    },
    onError,
  });
  const http = createServer();
  const sockets: Socket[] = [];
  http.on('connection', (socket) => sockets.push(socket));
  hub.attach(http, {
    path: '/ws',
    authorize: () => true,
    onPublish: (session, message) => server.onPublish(session, message) ?? false,
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = http.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const url = `ws://127.0.0.1:${address.port}/ws`;
  const tabs: RunTab[] = [];
  onTestFinished(async () => {
    for (const { chat, client } of tabs) {
      chat.dispose();
      client.close();
    }
    await hub.close();
    http.close();
  });
  return {
    hub,
    server,
    turns,
    errors,
    sockets,
    url,
    tab(threadId = 'chat:c', at = url) {
      const client = connect(at, { backoff: { minMs: 1, maxMs: 20 } });
      const failures: unknown[] = [];
      client.on('error', (error) => failures.push(error));
      const connection: SubscribeConnectionAdapter = tanstackConnection<StreamChunk, UIMessage>(client, threadId, {
        processor: () => new StreamProcessor(),
      });
      const chat = new ChatClient({
        connection,
        threadId,
        persistence: true,
        onError: (error) => failures.push(error),
      });
      chat.attach();
      chat.subscribe();
      const tab = { client, connection, chat, failures };
      tabs.push(tab);
      return tab;
    },
  };
}

/** What a chat shows, as JSON has it, without the times at which the page has made it. */
export const shown = ({ chat }: RunTab): UIMessage[] =>
  JSON.parse(JSON.stringify(chat.getMessages(), (key, value: unknown) => (key === 'createdAt' ? undefined : value)));

export const textOf = (tab: RunTab): string[] =>
  shown(tab).map(
    ({ role, parts }) => `${role}: ${parts.map((part) => (part.type === 'text' ? part.content : '')).join('')}`,
  );
