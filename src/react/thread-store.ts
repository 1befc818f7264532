import {
  ClientClosedError,
  type Client,
  type ClientStream,
  type ClientThread,
  type Gap,
  type HistoryOptions,
  type Left,
  type PublishOptions,
  type Published,
} from '../client/index.ts';
import { randomId } from '../client/options.ts';
import type { ThreadShape } from '../api/definition.ts';
import { MessageList, type StoredMessage, type ThreadMessage } from './message-list.ts';
import { Store } from './store.ts';

/** A text that grows. */
export interface StreamView {
  readonly id: string;
  readonly text: string;
}

/**
 * What there is to show of a thread.
 * @typeParam T the types of its definition; unknown without one
 */
export interface ThreadSnapshot<T extends ThreadShape = ThreadShape> {
  /** `left`: the server has ended the thread for this client, see `left`. `failed`: it does not let the client in, see `error`. */
  readonly status: 'joining' | 'joined' | 'left' | 'failed';
  /** Oldest first. Those published here and not received yet come last. */
  readonly messages: readonly ThreadMessage<T['received'], T['publish']>[];
  /** The streams in progress, oldest first. When one ends, its message is in `messages`. */
  readonly streams: readonly StreamView[];
  /** Messages are missing; undefined if none are, or after `refetch`. */
  readonly gap: Gap | undefined;
  /** There may be messages before these: `loadOlder`. False is certain. */
  readonly hasOlder: boolean;
  readonly isLoadingOlder: boolean;
  readonly left: Left | undefined;
  /** The last error of the thread. */
  readonly error: Error | undefined;
}

/** How a thread is kept. The first hook that shows its messages decides. */
export interface ThreadSettings {
  readonly from: string | undefined;
  readonly maxMessages: number;
}

/** A thread that hooks show, shared by all of them. */
export class ThreadStore extends Store<ThreadSnapshot> {
  readonly #client: Client;
  readonly #id: string;
  readonly #list = new MessageList<unknown, unknown>();
  /** Those of the first hook that shows the messages; without one, it is joined for presence or a count. */
  settings: ThreadSettings | undefined;
  #areSettingsUsed = false;
  #since: string | undefined;
  readonly #streams = new Map<string, ClientStream>();
  #thread: ClientThread | undefined;
  #stops: (() => void)[] = [];
  /** Where it stood when the last hook left it. */
  #position: string | undefined;
  #status: ThreadSnapshot['status'] = 'joining';
  #gap: Gap | undefined;
  #hasOlder = true;
  #loading: Promise<void> | undefined;
  /** Loads older messages after the oldest ones had to go: a join of its own, which begins after all that is shown. */
  #pager: ClientThread | undefined;
  /** The oldest messages had to go: the client's thread has given them, and does not load them again. */
  #isTrimmed = false;
  #left: Left | undefined;
  #error: Error | undefined;

  constructor(client: Client, id: string) {
    super(EMPTY);
    this.#client = client;
    this.#id = id;
  }

  /** The client's thread; undefined while nothing shows it. */
  get thread(): ClientThread | undefined {
    return this.#thread;
  }

  /** The list has every message after this position; undefined before the first `joined`. */
  get since(): string | undefined {
    return this.#since;
  }

  /** A hook shows its messages now. */
  show(): void {
    if (!this.isRunning || this.#areSettingsUsed) return;
    if (this.settings?.from === undefined) {
      this.#useSettings();
      return;
    }
    this.end();
    this.begin();
    this.changed();
  }

  /** @param shown what the page shows until the message comes back */
  async publish(data: unknown, shown: unknown, options: PublishOptions = {}): Promise<Published> {
    const { id = randomId() } = options;
    this.#list.discard(id);
    this.#list.begin(id, options.id === undefined, shown, Date.now());
    this.changedNow();
    try {
      const published = await this.#client.publish(this.#id, data, { ...options, id });
      this.#list.accept(id, published.messageId);
      return published;
    } catch (error) {
      this.#list.fail(id, error);
      throw error;
    } finally {
      this.changed();
    }
  }

  /** Takes a message that failed off the page. */
  readonly discard = (id: string): void => {
    this.#list.discard(id);
    this.changedNow();
  };

  /** Calls during another one get its answer. Rejects as the client's `loadOlder` does, unless nothing shows the thread any more. */
  loadOlder(options?: HistoryOptions): Promise<void> {
    this.#loading ??= this.#loadOlder(options)
      .catch((error: unknown) => {
        // the last component was unmounted: what it has asked for is shown nowhere
        if (this.#thread === undefined) return;
        this.#error = error instanceof Error ? error : new Error(String(error));
        throw error;
      })
      .finally(() => {
        this.#loading = undefined;
        this.changed();
      });
    this.changed();
    return this.#loading;
  }

  /** The application has the messages from elsewhere. */
  reset(messages: readonly StoredMessage<unknown>[]): void {
    this.#list.reset(messages);
    this.#gap = undefined;
    this.changedNow();
  }

  protected override begin(): void {
    this.#useSettings();
    // what came while no hook showed the thread comes now
    const thread = this.#client.join(this.#id, { from: this.#position ?? this.settings?.from });
    this.#thread = thread;
    this.#status = 'joining';
    this.#left = undefined;
    const listen = <Args extends unknown[]>(take: (...args: Args) => void) => {
      return (...args: Args): void => {
        take(...args);
        this.changed();
      };
    };
    this.#stops = [
      thread.on(
        'joined',
        listen(({ position }) => {
          this.#status = 'joined';
          this.#since ??= position;
        }),
      ),
      thread.on(
        'message',
        listen((message) => {
          if (message.stream !== undefined) this.#streams.delete(message.stream);
          if (!this.#list.add(message)) return;
          this.#isTrimmed = true;
          this.#since = undefined;
        }),
      ),
      thread.on(
        'replaced',
        listen(({ id, data }) => this.#list.replace(id, data)),
      ),
      thread.on(
        'removed',
        listen(({ id }) => this.#list.remove(id)),
      ),
      thread.on(
        'stream',
        listen((stream) => void this.#watch(stream)),
      ),
      thread.on(
        'gap',
        listen((gap) => {
          this.#gap = gap;
          this.#since = gap.position;
        }),
      ),
      thread.on(
        'left',
        listen((left) => {
          this.#left = left;
          this.#status = 'left';
        }),
      ),
      thread.on(
        'error',
        listen((error) => {
          this.#error = error;
          if (this.#status === 'joining') this.#status = 'failed';
        }),
      ),
    ];
  }

  protected override end(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#streams.clear();
    this.#position = this.#thread?.position ?? this.#position;
    this.#thread?.leave();
    this.#pager?.leave();
    this.#thread = this.#pager = undefined;
  }

  protected override take(): ThreadSnapshot {
    return {
      status: this.#status,
      messages: this.#list.all,
      streams: Array.from(this.#streams.values(), ({ id, text }) => ({ id, text })),
      gap: this.#gap,
      hasOlder: this.#hasOlder,
      isLoadingOlder: this.#loading !== undefined,
      left: this.#left,
      error: this.#error,
    };
  }

  #useSettings(): void {
    if (this.settings === undefined || this.#areSettingsUsed) return;
    this.#areSettingsUsed = true;
    this.#list.most = this.settings.maxMessages;
    if (this.settings.from === undefined) return;
    // what came before was of a join for new messages only
    this.#list.reset([]);
    this.#position = this.#since = this.#gap = undefined;
  }

  async #loadOlder(options: HistoryOptions | undefined): Promise<void> {
    if (this.#isTrimmed && this.#thread !== undefined) {
      this.#pager?.leave();
      this.#pager = this.#client.join(this.#id);
      // its messages are those of the other join, and must not wait for a reader
      this.#pager.on('message', () => {});
      this.#isTrimmed = false;
    }
    for (let added = 0; added === 0;) {
      const thread = this.#pager ?? this.#thread;
      if (thread === undefined) throw new ClientClosedError({ action: 'loadOlder' });
      // what is shown already is left out
      const { messages, hasOlder } = await thread.loadOlder(options);
      added = this.#list.prepend(messages);
      this.#hasOlder = hasOlder;
      if (!hasOlder) return;
    }
  }

  async #watch(stream: ClientStream): Promise<void> {
    this.#streams.set(stream.id, stream);
    for await (const _ of stream) {
      if (this.#streams.get(stream.id) !== stream) return;
      this.changed();
    }
    // its message takes its place; without one, what came of it is gone with a gap
    if ((await stream.done) === undefined && this.#streams.get(stream.id) === stream) {
      this.#streams.delete(stream.id);
      this.changed();
    }
  }
}

/** Before there is anything, and on a server. */
export const EMPTY: ThreadSnapshot = {
  status: 'joining',
  messages: [],
  streams: [],
  gap: undefined,
  hasOlder: true,
  isLoadingOlder: false,
  left: undefined,
  error: undefined,
};
