import type { UpgradeServer } from '../api/attach.ts';
import type { PublishAnswer, PublishedMessage } from '../api/connection.ts';
import type { Hub } from '../api/hub.ts';
import type { Protocol } from '../api/protocol.ts';
import type { Session } from '../api/session.ts';
import { ChatHost } from './chat-host.ts';
import { ChatRuns } from './chat-runs.ts';
import { ChatSession } from './chat-session.ts';
import { ChatTurns } from './chat-turns.ts';
import type { ChatMessage } from './chunk.ts';
import { resolveChat, type ServeChatOptions } from './options.ts';
import { uiMessageCodec } from './ui-message-codec.ts';

/**
 * What `serveChat` gives.
 * @typeParam S what `authenticate` of the connections finds out
 */
export interface ChatServer<S extends Session = Session> {
  /** Answers that this process makes now. */
  readonly runs: number;
  /**
   * Stops the answer of a chat, for all of its viewers: for a stop button of the application's own. Only in the process that makes it; false
   * if that is not this one.
   */
  cancel(chatId: string): boolean;
  /**
   * For `onPublish` of `hub.attach`: what clients with the transport of `threadcast/ai/client` ask for. The client sends its new message, and
   * the answer is given the conversation that the chat's thread has: the user's messages, which are logged too, and the answers. `authorize`
   * is asked. Undefined for a message that is none of a chat's.
   *
   * ```ts
   * hub.attach(server, { path: '/ws', authenticate, authorize, onPublish: (session, message) => chat.onPublish(session, message) ?? false });
   * ```
   */
  onPublish(this: void, session: S, message: PublishedMessage): Promise<PublishAnswer> | undefined;
  /** Takes no more connections. Those that are open stay, as do answers in progress. */
  close(): void;
}

/**
 * Serves `WebSocketChatTransport` of the AI SDK (npm `ai` 7), and so `useChat`: answers become streams of the chats' threads, which viewers on
 * any node follow and resume, and end as messages of their logs.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`), HubClosedError
 */
export function serveChat<Message extends ChatMessage = ChatMessage, S extends Session = Session>(
  hub: Hub,
  server: UpgradeServer,
  options: ServeChatOptions<Message, S>,
): ChatServer<S> {
  const settings = resolveChat(options);
  const runs = new ChatRuns(hub, settings);
  const turns = new ChatTurns(hub, runs, settings);
  const protocol: Protocol = {
    codecs: [uiMessageCodec],
    maxFrameBytes: settings.maxRequestBytes,
    open: (peer) => new ChatSession(peer, hub, runs, settings),
    attached: (host) => runs.attach(new ChatHost(host)),
  };
  const { path = '/api/chat', authenticate, authenticateTimeoutMs, maxPendingHandshakes } = options;
  const { allowedOrigins, clientAddress, compress } = options;
  const detach = hub.attach(server, {
    path,
    authenticateTimeoutMs,
    maxPendingHandshakes,
    allowedOrigins,
    clientAddress,
    compress,
    protocol,
    ...(authenticate === undefined ? {} : { authenticate }),
  });
  return {
    get runs() {
      return runs.size;
    },
    cancel: (chatId) => runs.cancel(settings.threadOf(chatId)),
    onPublish: (session, message) => turns.take(session, message),
    close: detach,
  };
}
