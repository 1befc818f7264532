import type { ThreadShape } from '../api/definition.ts';
import type { ClientStream, ClientThread, HistoryOptions, Message, Older, ThreadEvents } from '../client/index.ts';
import { TextStream } from '../client/stream.ts';
import type { ChunkFeed } from './chunk-feed.ts';
import type { ChunkLog } from './chunk-log.ts';

/** The chunks of streams, by the streams. */
const LOGS = new WeakMap<object, ChunkLog>();

/** How many streams of joins of one thread have these chunks. */
const USERS = new WeakMap<ChunkLog, number>();

/** Undefined for a stream of another client. */
export const logOf = (stream: object): ChunkLog | undefined => LOGS.get(stream);

/** A thread of the client whose streams have their chunks. */
export class ChunkThread<T extends ThreadShape> implements ClientThread<T> {
  readonly thread: ClientThread<T>;
  readonly #feed: ChunkFeed;

  constructor(thread: ClientThread<T>, feed: ChunkFeed) {
    this.thread = thread;
    this.#feed = feed;
  }

  get id(): T['id'] {
    return this.thread.id;
  }

  get position(): string | undefined {
    return this.thread.position;
  }

  get values(): ClientThread<T>['values'] {
    return this.thread.values;
  }

  get streams(): readonly ClientStream<T['received']>[] {
    return this.thread.streams.map((stream) => this.#with(stream));
  }

  follow(streamId: string): ClientStream<T['received']> {
    return this.#with(this.thread.follow(streamId));
  }

  on<E extends keyof ThreadEvents>(event: E, listener: (news: ThreadEvents<T['received']>[E]) => unknown): () => void {
    return this.thread.on(event, (news) => listener(this.#with(news)));
  }

  loadOlder(options?: HistoryOptions): Promise<Older<T['received']>> {
    return this.thread.loadOlder(options);
  }

  leave(): void {
    this.thread.leave();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message<T['received']>> {
    return this.thread[Symbol.asyncIterator]();
  }

  /** A stream gets its chunks; anything else stays as it is. */
  #with<News>(news: News): News {
    if (!(news instanceof TextStream) || LOGS.has(news)) return news;
    const stream: TextStream = news;
    const log = this.#feed.logOf(stream.id);
    LOGS.set(stream, log);
    const users = (USERS.get(log) ?? 0) + 1;
    USERS.set(log, users);
    void stream.done.then((message) => {
      const left = (USERS.get(log) ?? 1) - 1;
      USERS.set(log, left);
      // another join of the thread may go on with the stream
      if (message !== undefined || left === 0) this.#feed.end(stream.id, log);
    });
    Object.defineProperties(stream, {
      codec: { get: () => log.codec?.name },
      chunks: { get: () => (log.codec === undefined && stream.text !== '' ? [stream.text] : log.chunks) },
    });
    return news;
  }
}
