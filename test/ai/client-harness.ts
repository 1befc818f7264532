import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Chat } from '@ai-sdk/react';
import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { onTestFinished } from 'vitest';
import { chatTransport, type ThreadcastChatTransport } from '../../src/ai/client/index.ts';
import { serveChat, type ChatServer, type ServeChatOptions } from '../../src/ai/index.ts';
import { connect, type ChunkClient } from '../../src/chunks/index.ts';
import { createHub, type Hub, type HubOptions } from '../../src/index.ts';

/** A tab: a client, its transport, and a chat that follows what others do. */
export interface Tab {
  readonly client: ChunkClient;
  readonly transport: ThreadcastChatTransport<UIMessage, UIMessageChunk>;
  readonly chat: Chat<UIMessage>;
  readonly failures: unknown[];
}

export interface ClientHarness {
  readonly hub: Hub;
  readonly server: ChatServer;
  readonly errors: unknown[];
  /** TCP sockets of clients, the newest last. */
  readonly sockets: Socket[];
  readonly url: string;
  /** False: new connections are refused. */
  isUp: boolean;
  tab(chatId?: string, at?: string): Promise<Tab>;
}

/** A hub whose clients are those of `threadcast/client`. */
export async function startClients(
  options: ServeChatOptions<UIMessage>,
  hubOptions: HubOptions = {},
): Promise<ClientHarness> {
  const hub = createHub({ sweepMs: 100, ...hubOptions });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const http = createServer();
  const server = serveChat(hub, http, { authorize: () => true, ...options });
  const sockets: Socket[] = [];
  const harness = { isUp: true };
  http.on('connection', (socket) => {
    if (harness.isUp) sockets.push(socket);
    else socket.destroy();
  });
  hub.attach(http, {
    path: '/ws',
    authorize: () => true,
    onPublish: (session, message) => server.onPublish(session, message) ?? false,
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = http.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  const url = `ws://127.0.0.1:${address.port}/ws`;
  const clients: ChunkClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await hub.close();
    http.close();
  });
  const tab = async (chatId = 'c', at = url): Promise<Tab> => {
    const client = connect(at, { backoff: { minMs: 1, maxMs: 20 } });
    clients.push(client);
    const failures: unknown[] = [];
    client.on('error', (error) => failures.push(error));
    const transport = chatTransport<UIMessage, UIMessageChunk>(client);
    const exact: ChatTransport<UIMessage> = transport;
    const { messages } = await transport.loadMessages(chatId);
    const chat = new Chat<UIMessage>({
      id: chatId,
      transport: exact,
      messages,
      onError: (error) => failures.push(error),
    });
    transport.follow(chat);
    return { client, transport, chat, failures };
  };
  return Object.assign(harness, { hub, server, errors, sockets, url, tab });
}

/** Without fields that are undefined, as JSON has it. */
export const seen = (chat: Chat<UIMessage>): UIMessage[] => JSON.parse(JSON.stringify(chat.messages));
