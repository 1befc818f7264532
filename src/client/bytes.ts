import { BytesSocket } from './bytes-socket.ts';
import { BytesReader, joinBytes } from './bytes-reader.ts';
import { ThreadcastClient } from './client.ts';
import { resolveOptions, type ClientSettings, type ConnectOptions } from './options.ts';
import type { AnsweredIn, Client, Published, PublishedAs, PublishOptions, VolatilePublishOptions } from './api.ts';
import { isText } from './fields.ts';
import type { Frame } from './socket.ts';
import type { JoinedThread } from './thread.ts';

/**
 * `connect` of `threadcast/client`, for messages of bytes: what the server sends, or answers with, as a `Uint8Array` arrives as one, and
 * `publish` takes one. Everything else is the same.
 *
 * ```ts
 * const client = connect('wss://example.org/ws');
 * client.join('t1').on('message', ({ data }) => data instanceof Uint8Array && play(data));
 * await client.publish('t1', new Uint8Array(await clip.arrayBuffer()));
 * ```
 *
 * The bytes are copied within `publish`. From a server that takes none, `publish` rejects with PublishRefusedError, `unsupported`.
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function connect(url: string | { toString(): string }, options: ConnectOptions = {}): Client {
  return new BytesClient(resolveOptions(url, options));
}

/** How the text of a publication without bytes ends. */
const END = ',"d":null}';

class BytesClient extends ThreadcastClient {
  readonly #reader: BytesReader;
  /** Of the publication whose frame is being made. */
  #bytes: Uint8Array | undefined;

  constructor(settings: ClientSettings) {
    const { open, maxMessageBytes } = settings;
    const reader = new BytesReader(maxMessageBytes);
    const isRead = (threadId: unknown): boolean => this.#reads(threadId);
    super({ ...settings, open: (to) => new BytesSocket(open, to, reader, isRead) });
    this.#reader = reader;
  }

  override delete(thread: JoinedThread): void {
    super.delete(thread);
    if (!this.#reads(thread.id)) this.#reader.forget(thread.id);
  }

  override publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options?: PublishOptions,
  ): Promise<Published<AnsweredIn<Id>>>;
  override publish<Id extends string>(
    threadId: Id,
    data: PublishedAs<Id>,
    options: VolatilePublishOptions,
  ): Promise<Published<AnsweredIn<Id>> | undefined>;
  override async publish(threadId: string, data: unknown, options?: PublishOptions): Promise<Published | undefined> {
    if (!(data instanceof Uint8Array)) return super.publish(threadId, data, options);
    this.#bytes = data;
    const publishing = super.publish(threadId, null, options);
    this.#bytes = undefined;
    return publishing;
  }

  override request(
    threadId: string,
    id: string,
    frame: Frame,
    options: Partial<VolatilePublishOptions>,
  ): ReturnType<ThreadcastClient['request']> {
    const bytes = this.#bytes;
    return super.request(
      threadId,
      id,
      bytes && isText(frame) ? framed(frame.slice(0, -END.length), bytes) : frame,
      options,
    );
  }

  /** The inbox has names of the server's. */
  #reads(threadId: unknown): boolean {
    return isText(threadId) && (threadId.startsWith('~') || this.joinsOf(threadId).length > 0);
  }
}

/** A frame of bytes, as they are now. @param head the frame's JSON, without its end */
export const framed = (head: string, bytes: Uint8Array): Frame =>
  joinBytes([new TextEncoder().encode(`${head}}\0`), bytes]);
