import type { ChunkClient } from '../../chunks/index.ts';
import type { ClientStream, ClientThread, Message as Entry } from '../../client/index.ts';
import { isMessage } from '../chat-frames.ts';
import { dropExcess } from '../../client/excess.ts';
import type { ChatMessage, UIChunk } from '../chunk.ts';
import { olderEntries } from './older-entries.ts';
import { answerChunks } from './answer-chunks.ts';
import { uiMessageCodec } from '../ui-message-codec.ts';
import type { FollowedChat } from './followed-chat.ts';

/** Messages, and entries of the log, that are remembered. */
const REMEMBERED = 1_000;

/** Streams that are remembered, with their chunks. */
const STREAMS = 4;

/** How often a follower looks whether its chat is ready for the next answer. */
const LOOK_MS = 20;

/** Streams that come with a join are here after this time; later ones are told to followers. */
const STREAMS_MS = 150;

type AnswerStream = ClientStream;

/** One chat: its thread, and the chats of the page that show it. */
export class ChatRoom<Message extends ChatMessage> {
  readonly thread: ClientThread;
  readonly #client: ChunkClient;
  /** The newest ones. */
  readonly #streams = new Map<string, AnswerStream>();
  /** Streams that are read, or were. */
  readonly #read = new Set<string>();
  readonly #followers = new Set<FollowedChat<Message>>();
  /** By entries of the log: the message's id. */
  readonly #ids = new Map<string, string>();
  /** Messages that have arrived since the join, by entries. */
  readonly #live = new Map<string, Message>();
  /** Turns of this page that have no answer yet. */
  #sending: Promise<unknown> = Promise.resolve();

  constructor(client: ChunkClient, threadId: string) {
    const thread = client.join(threadId, { codecs: [uiMessageCodec] });
    this.thread = thread;
    this.#client = client;
    thread.on('message', (entry) => this.#onMessage(entry));
    thread.on('removed', ({ id }) => this.#onRemoved(id));
    thread.on('stream', (stream) => void this.#onStream(stream));
  }

  /** The newest answer in progress. */
  get active(): AnswerStream | undefined {
    return this.thread.streams.findLast(isAnswer);
  }

  /** Notes a turn of this page. */
  send<Answer>(turn: Promise<Answer>): Promise<Answer> {
    this.#sending = Promise.allSettled([this.#sending, turn]);
    return turn;
  }

  /** The chunks of an answer. Its message is no news from now on. @param known as for `answerChunks` */
  read(streamId: string, known: number): { readonly stream: AnswerStream; readonly chunks: AsyncGenerator<UIChunk> } {
    remember(this.#read, streamId);
    // it may have ended meanwhile
    const stream = this.#streams.get(streamId) ?? this.thread.follow(streamId);
    return { stream, chunks: answerChunks(stream, known, () => this.#live.get(streamId)) };
  }

  /** The answer in progress once the client has joined, if there is one. @throws what the join has failed with */
  async resumable(signal: AbortSignal | undefined): Promise<AnswerStream | undefined> {
    await this.#joined(signal);
    for (let waited = 0; this.active === undefined && waited < STREAMS_MS; waited += LOOK_MS) await wait(LOOK_MS);
    return this.active;
  }

  /** A page of older messages, the newest first time, with those that have arrived since the join. */
  async load(limit: number): Promise<{ readonly messages: Message[]; readonly hasOlder: boolean }> {
    const isFirst = this.#ids.size === this.#live.size;
    const { messages, hasOlder } = await olderEntries(this.#client, this.thread, limit);
    const page = new Map<string, Message>();
    const add = (id: string, message: Message): void =>
      void page.set(message.id, (remember(this.#ids, id, message.id), message));
    for (const { id, data } of messages) if (this.#isMessage(data)) add(id, plain(data));
    if (isFirst) for (const [id, message] of this.#live) add(id, message);
    return { messages: [...page.values()], hasOlder };
  }

  follow(chat: FollowedChat<Message>): () => void {
    this.#followers.add(chat);
    for (const [id, message] of this.#live) this.#show(chat, id, message);
    for (const stream of this.thread.streams.filter(isAnswer)) void this.#resume(chat, stream);
    return () => void this.#followers.delete(chat);
  }

  #onMessage({ id, data }: Entry): void {
    if (!this.#isMessage(data)) return;
    const message = plain(data);
    remember(this.#ids, id, message.id);
    remember(this.#live, id, message);
    for (const chat of this.#followers) this.#show(chat, id, message);
  }

  #onRemoved(entry: string): void {
    const id = this.#ids.get(entry);
    this.#ids.delete(entry);
    this.#live.delete(entry);
    // another entry has the same message
    if (id === undefined || [...this.#ids.values()].includes(id)) return;
    for (const chat of this.#followers) {
      if (chat.messages.some((message) => message.id === id))
        chat.messages = chat.messages.filter((message) => message.id !== id);
    }
  }

  /** A message that the chat does not have, or an answer in its final form. */
  #show(chat: FollowedChat<Message>, entry: string, message: Message): void {
    const { messages } = chat;
    const at = messages.findIndex(({ id }) => id === message.id);
    if (at >= 0) {
      // its chunks have given it, or are about to
      if (message.role === 'assistant' && !this.#read.has(entry)) chat.messages = messages.with(at, message);
    } else if (!this.#read.has(entry)) {
      const isAnswered = message.role === 'user' && isBusy(chat) && messages.at(-1)?.role === 'assistant';
      chat.messages = messages.toSpliced(isAnswered ? -1 : messages.length, 0, message);
    }
  }

  async #onStream(stream: AnswerStream): Promise<void> {
    if (!isAnswer(stream)) return;
    remember(this.#streams, stream.id, stream, STREAMS);
    await this.#sending;
    for (const chat of this.#followers) void this.#resume(chat, stream);
  }

  /** The chat shows an answer that others have asked for. */
  async #resume(chat: FollowedChat<Message>, stream: AnswerStream): Promise<void> {
    let isOver = false;
    void stream.done.then(() => (isOver = true));
    await this.#sending;
    while (isBusy(chat)) await wait(LOOK_MS);
    if (isOver || this.#read.has(stream.id) || !this.#followers.has(chat)) return;
    await chat.resumeStream();
  }

  /** The server is trusted to have the application's messages. */
  #isMessage(data: unknown): data is Message {
    return isMessage(data);
  }

  #joined(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const offs: (() => void)[] = [];
      const settle = (act: () => void): void => {
        for (const off of offs) off();
        act();
      };
      const abort = (): void => settle(() => reject(signal?.reason));
      if (signal?.aborted === true) return abort();
      if (this.thread.position !== undefined) return resolve();
      signal?.addEventListener('abort', abort);
      offs.push(
        () => signal?.removeEventListener('abort', abort),
        this.thread.on('joined', () => settle(resolve)),
        this.thread.on('error', (error) => settle(() => reject(error))),
        this.thread.on('left', ({ reason }) => settle(() => reject(new Error(reason)))),
      );
    });
  }
}

const isAnswer = ({ codec }: AnswerStream): boolean => codec === uiMessageCodec.name;

const isBusy = ({ status }: FollowedChat): boolean => status === 'submitted' || status === 'streaming';

/** Without the mark of a stream that its publisher did not end: it is no field of a UIMessage. */
function plain<Message extends ChatMessage>(message: Message): Message {
  if (!('aborted' in message)) return message;
  const copy = { ...message };
  Reflect.deleteProperty(copy, 'aborted');
  return copy;
}

function remember(set: Set<string>, id: string): void;
function remember<T>(map: Map<string, T>, id: string, value: T, most?: number): void;
function remember<T>(all: Set<string> | Map<string, T>, id: string, value?: T, most = REMEMBERED): void {
  if (all instanceof Set) all.add(id);
  else if (value !== undefined) all.set(id, value);
  dropExcess(all, most);
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
