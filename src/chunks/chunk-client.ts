import type { Codec, ThreadDefinition, ThreadId, ThreadShape } from '../api/definition.ts';
import {
  connect as connectPlain,
  InvalidOptionError,
  type AnsweredIn,
  type Client,
  type ClientEvents,
  type ClientState,
  type ClientThread,
  type ConnectOptions,
  type Inbox,
  type JoinOptions,
  type Published,
  type PublishedAs,
  type PublishOptions,
  type VolatilePublishOptions,
} from '../client/index.ts';
import { Emitter } from '../client/emitter.ts';
import { isFields, isText } from '../client/fields.ts';
import { reportGlobally } from '../client/environment.ts';
import { ChunkFeed } from './chunk-feed.ts';
import { ChunkSocket } from './chunk-socket.ts';
import { ChunkThread, logOf } from './chunk-thread.ts';
import type { ChunkUpdate } from './chunk-log.ts';

/** Codecs that a join may name; docs/PROTOCOL.md has the limit. */
const MAX_CODECS = 16;

/** As in the client. */
const MAX_BYTES = 128 * 1_048_576;

export interface ChunkConnectOptions extends ConnectOptions {
  /** Definitions of threads: their `streams` are read. @default none */
  threads?: readonly ThreadDefinition[] | undefined;
}

export interface ChunkJoinOptions extends JoinOptions {
  /**
   * Codecs of the streams of chunks that the thread reads, besides those of its definition; 16 at most. As any option, they count for the
   * first join. @default none: only the final messages of such streams arrive
   */
  codecs?: readonly Codec[] | undefined;
}

/** A client that reads streams of chunks. Streams of its threads have `codec` and `chunks`. */
export interface ChunkClient extends Client {
  /** As `join` of the client. @throws InvalidOptionError: also for a codec without a name, `fold` or `sizeOf`, and for more than 16 */
  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: ChunkJoinOptions): ClientThread<T>;
  join(threadId: string, options?: ChunkJoinOptions): ClientThread;
}

/**
 * Connects as `connect` of `threadcast/client` does, and reads streams of chunks as well.
 *
 * ```ts
 * const client = connect('wss://example.org/ws', { threads: [room] });
 * client.join(room('42')).on('stream', (stream) => show(stream.chunks));
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function connect(
  url: string | { toString(): string },
  { threads = [], ...options }: ChunkConnectOptions = {},
): ChunkClient {
  return new ReadingClient(url, threads, options);
}

/** The chunks of a stream so far, as the codec folds them, without transient ones. None of a text, or of another codec. */
export function chunksOf<Chunk>(stream: object, codec: Codec<Chunk>): readonly Chunk[] {
  const log = logOf(stream);
  return log?.codec?.name === codec.name ? log.chunks : [];
}

/**
 * What arrives of a stream of chunks, from its beginning to its end. Chunks that arrive together come folded, and transient ones only if they
 * arrive while this is read. A text, and a stream of another codec, gives nothing.
 */
export async function* updatesOf<Chunk>(
  stream: object,
  codec: Codec<Chunk>,
): AsyncGenerator<ChunkUpdate<Chunk>, void, undefined> {
  const log = logOf(stream);
  if (log !== undefined) yield* log.updates(codec);
}

/** Errors of codecs, for those who listen to the client's. */
class OwnEvents extends Emitter<ClientEvents> {
  override report(error: unknown): void {
    if (!this.emit('error', error)) reportGlobally(error);
  }
}

class ReadingClient implements ChunkClient {
  readonly #client: Client;
  readonly #definitions: readonly ThreadDefinition[];
  readonly #maxBytes: number;
  readonly #own = new OwnEvents(['state', 'log', 'thread', 'signIn', 'error']);
  readonly #feeds = new Map<string, ChunkFeed>();
  readonly #threads = new WeakMap<object, ClientThread>();

  constructor(url: string | { toString(): string }, definitions: readonly ThreadDefinition[], options: ConnectOptions) {
    if (!Array.isArray(definitions))
      throw new InvalidOptionError({ option: 'threads', expected: 'a list of definitions' });
    const { transports = [], maxMessageBytes = MAX_BYTES } = options;
    this.#definitions = definitions;
    this.#maxBytes = maxMessageBytes;
    const reading: (typeof transports)[number] = (open) => (to) => new ChunkSocket(open(to), this.#feeds);
    this.#client = connectPlain(url, { ...options, transports: [...transports, reading] });
  }

  get state(): ClientState {
    return this.#client.state;
  }

  get isLogUp(): boolean {
    return this.#client.isLogUp;
  }

  get inbox(): Inbox {
    return this.#client.inbox;
  }

  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: ChunkJoinOptions): ClientThread<T>;
  join(threadId: string, options?: ChunkJoinOptions): ClientThread;
  join(threadId: string, options: ChunkJoinOptions = {}): ClientThread {
    const { codecs, ...rest } = options;
    const known = this.#codecsOf(threadId, codecs);
    const thread = this.#client.join(threadId, rest);
    let reading = this.#threads.get(thread);
    if (reading !== undefined) return reading;
    // joins of the thread share its chunks, unless a later one names other codecs
    const former = this.#feeds.get(threadId);
    const host = { maxBytes: this.#maxBytes, report: (error: unknown) => this.#report(error) };
    const feed = former?.reads(known) === true ? former : new ChunkFeed(host, known);
    // before the join leaves, at the end of this turn
    if (known.size > 0) this.#feeds.set(threadId, feed);
    reading = new ChunkThread(thread, feed);
    this.#threads.set(thread, reading);
    return reading;
  }

  publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options?: PublishOptions,
  ): Promise<Published<AnsweredIn<Id>>>;
  publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options: VolatilePublishOptions,
  ): Promise<Published<AnsweredIn<Id>> | undefined>;
  publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options?: PublishOptions | VolatilePublishOptions,
  ): Promise<Published<AnsweredIn<Id>> | undefined> {
    return options !== undefined && 'volatile' in options
      ? this.#client.publish(threadId, data, options)
      : this.#client.publish(threadId, data, options);
  }

  on<E extends keyof ClientEvents>(event: E, listener: (news: ClientEvents[E]) => unknown): () => void {
    const offs = [this.#client.on(event, listener), this.#own.on(event, listener)];
    return () => {
      for (const off of offs) off();
    };
  }

  close(): void {
    this.#client.close();
  }

  /** Those of its definitions, and those that the join names. @throws InvalidOptionError */
  #codecsOf(threadId: string, named: readonly Codec[] = []): ReadonlyMap<string, Codec> {
    const invalid = new InvalidOptionError({ option: 'codecs', expected: `a list of up to ${MAX_CODECS} codecs` });
    if (!Array.isArray(named)) throw invalid;
    const parts = isText(threadId) ? this.#definitions.filter((definition) => definition.matches(threadId)) : [];
    const all = [...named, ...parts.flatMap(({ parts: { streams = {} } }) => Object.values(streams))];
    if (!all.every(isCodec)) throw invalid;
    const codecs = new Map(all.map((codec) => [codec.name, codec]));
    if (codecs.size > MAX_CODECS) throw invalid;
    return codecs;
  }

  /** What a codec has thrown. */
  #report(error: unknown): void {
    this.#own.report(error);
  }
}

function isCodec(codec: unknown): boolean {
  if (!isFields(codec)) return false;
  const { name, fold, sizeOf } = codec;
  return isText(name) && typeof fold === 'function' && typeof sizeOf === 'function';
}
