import type { ChunkClient } from '../../chunks/index.ts';
import { InvalidOptionError } from '../../client/index.ts';
import type { ChatMessage, UIChunk } from '../chunk.ts';
import { fieldsOf, textIn } from '../chunk.ts';
import { ChatRoom } from './chat-room.ts';
import type { FollowedChat } from './followed-chat.ts';

export interface ChatTransportOptions {
  /** The thread of a chat, as `threadOf` of `serveChat` says. @default `chat:<chatId>` */
  threadOf?: ((chatId: string) => string) | undefined;
}

/** What `useChat` asks of its transport; `ChatTransport` of npm `ai` 7 has more about each. */
export interface SendMessages<Message extends ChatMessage> {
  readonly chatId: string;
  readonly messages: Message[];
  readonly trigger: 'submit-message' | 'regenerate-message';
  readonly messageId: string | undefined;
  readonly abortSignal: AbortSignal | undefined;
  readonly headers?: Record<string, string> | Headers;
  readonly body?: object;
  readonly metadata?: unknown;
}

/** The `ChatTransport` of npm `ai` 7 over a client of `threadcast/chunks`; made by `chatTransport`. */
export class ThreadcastChatTransport<Message extends ChatMessage = ChatMessage, Chunk extends UIChunk = UIChunk> {
  /** A resumed answer begins with its first chunk. */
  readonly resumeStreamIsReplay = true;
  readonly #client: ChunkClient;
  readonly #threadOf: (chatId: string) => string;
  readonly #rooms = new Map<string, ChatRoom<Message>>();

  constructor(client: ChunkClient, { threadOf = (chatId) => `chat:${chatId}` }: ChatTransportOptions = {}) {
    if (typeof threadOf !== 'function') throw new InvalidOptionError({ option: 'threadOf', expected: 'function' });
    this.#client = client;
    this.#threadOf = threadOf;
  }

  /** Asks for an answer: sends the last message alone, because the server has those before it. @throws as `client.publish` */
  async sendMessages(options: SendMessages<Message>): Promise<ReadableStream<Chunk>> {
    const { chatId, messages, trigger, messageId, abortSignal, headers, body, metadata } = options;
    abortSignal?.throwIfAborted();
    const room = this.#room(chatId);
    const message = trigger === 'submit-message' ? messages.at(-1) : undefined;
    const turn = { type: 'send', id: chatId, trigger, messageId, message, headers: fieldsIn(headers), body, metadata };
    const { data } = await room.send(this.#client.publish(this.#threadOf(chatId), turn));
    const { streamId, known } = fieldsOf(Object(data));
    const id = textIn(streamId);
    if (id === undefined) throw new Error('The server does not serve chats: use onPublish of serveChat.');
    return this.#read(chatId, id, Number(known ?? 0), abortSignal);
  }

  /** The answer in progress, from its beginning; null if there is none. @throws what the join has failed with */
  async reconnectToStream({
    chatId,
    abortSignal,
  }: {
    readonly chatId: string;
    readonly abortSignal?: AbortSignal | undefined;
  }): Promise<ReadableStream<Chunk> | null> {
    const stream = await this.#room(chatId).resumable(abortSignal);
    return stream === undefined ? null : this.#read(chatId, stream.id, 0, abortSignal);
  }

  /**
   * Messages of the chat from the server, oldest first: the newest page of them, and an older one with each further call.
   * @throws as `thread.loadOlder`
   */
  loadMessages(
    chatId: string,
    { limit = 100 }: { readonly limit?: number } = {},
  ): Promise<{ readonly messages: Message[]; readonly hasOlder: boolean }> {
    return this.#room(chatId).load(limit);
  }

  /**
   * Keeps a chat of this page up to date with what others do in it: messages of other tabs and users, and their answers as they grow. `useChat`
   * alone shows only its own. Returns the function that ends this.
   */
  follow(chat: FollowedChat<Message>): () => void {
    return this.#room(chat.id).follow(chat);
  }

  /** Stops the answer in progress for all who see it: for a stop button. `stop()` of `useChat` is about this page; see `onAbort` of `serveChat`. */
  cancel(chatId: string): void {
    this.#room(chatId).active?.cancel();
  }

  /** Leaves all chats. The client stays connected, and the next call joins again. */
  close(): void {
    for (const { thread } of this.#rooms.values()) thread.leave();
    this.#rooms.clear();
  }

  #room(chatId: string): ChatRoom<Message> {
    let room = this.#rooms.get(chatId);
    if (room !== undefined) return room;
    room = new ChatRoom(this.#client, this.#threadOf(chatId));
    this.#rooms.set(chatId, room);
    room.thread.on('left', () => this.#rooms.delete(chatId));
    return room;
  }

  #read(chatId: string, streamId: string, known: number, signal: AbortSignal | undefined): ReadableStream<Chunk> {
    const { stream, chunks } = this.#room(chatId).read(streamId, known);
    const leave = (): void => {
      void chunks.return(undefined);
      void this.#abort(chatId, streamId, stream.cancel);
    };
    return new ReadableStream<Chunk>({
      start: (controller) => {
        const abort = (): void => {
          controller.error(signal?.reason);
          leave();
        };
        if (signal?.aborted === true) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      },
      pull: async (controller) => {
        const { done, value } = await chunks.next();
        if (signal?.aborted === true) return;
        if (done === true) controller.close();
        else if (this.#isChunk(value)) controller.enqueue(value);
      },
      cancel: leave,
    });
  }

  /** The server is trusted to send chunks of the application's types. */
  #isChunk(_chunk: UIChunk): _chunk is Chunk {
    return true;
  }

  /** This page wants no more of it; the server says whether anybody else does. */
  async #abort(chatId: string, streamId: string, cancel: () => void): Promise<void> {
    try {
      const turn = { type: 'abort', id: chatId, streamId };
      const { data } = await this.#client.publish(this.#threadOf(chatId), turn);
      if (fieldsOf(Object(data))['cancel'] === true) cancel();
    } catch {
      // the connection is gone, and so is the reason to stop
    }
  }
}

/**
 * The `ChatTransport` of `useChat` over this client, of `connect` of `threadcast/chunks`:
 *
 * ```ts
 * const client = connect('/ws');
 * const transport = chatTransport<UIMessage, UIMessageChunk>(client);
 * const chat = new Chat({ id, transport, messages: (await transport.loadMessages(id)).messages });
 * transport.follow(chat);
 * ```
 *
 * @typeParam Message `UIMessage` of npm `ai`, or the application's own type
 * @typeParam Chunk `UIMessageChunk` of npm `ai`
 * @throws InvalidOptionError
 */
export function chatTransport<Message extends ChatMessage = ChatMessage, Chunk extends UIChunk = UIChunk>(
  client: ChunkClient,
  options?: ChatTransportOptions,
): ThreadcastChatTransport<Message, Chunk> {
  return new ThreadcastChatTransport(client, options);
}

const fieldsIn = (headers: Record<string, string> | Headers | undefined): Record<string, string> =>
  headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
