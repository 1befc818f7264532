import { InvalidOptionError } from '../../client/index.ts';
import type { ChunkClient } from '../../chunks/index.ts';
import { dropExcess } from '../../client/excess.ts';
import { isMessage } from '../chat-frames.ts';
import type { ChatMessage } from '../chunk.ts';
import { fieldsOf, textIn } from '../chunk.ts';
import { abortable } from './abortable.ts';
import { event, type AgUiEvent } from './ag-ui-codec.ts';
import { Conversation, type RunEntry, type RunProcessor } from './conversation.ts';
import { interruptsOf, type HydratePage, type Hydration } from './hydration.ts';
import { RunRoom, type News } from './run-room.ts';

/** Ids that are remembered. */
const REMEMBERED = 1_000;

export interface TanstackConnectionOptions<Chunk extends AgUiEvent, Message extends ChatMessage> {
  /**
   * A new `StreamProcessor` of TanStack AI, `() => new StreamProcessor()`: the adapter asks it what messages the runs of the log make. Import it
   * from the application's own `@tanstack/ai-client`.
   */
  processor(this: void): RunProcessor<Chunk, Message>;
}

/** What TanStack AI says of a run (`RunAgentInputContext`), as far as it is sent. */
export interface RunContext {
  readonly runId: string;
  readonly parentRunId?: string;
  readonly resume?: readonly unknown[];
  readonly clientTools?: readonly unknown[];
  readonly forwardedProps?: Readonly<Record<string, unknown>>;
}

/** The `SubscribeConnectionAdapter` of npm `@tanstack/ai-client` over a client of `threadcast/chunks`; made by `tanstackConnection`. */
export class TanstackConnection<Chunk extends AgUiEvent = AgUiEvent, Message extends ChatMessage = ChatMessage> {
  readonly #client: ChunkClient;
  readonly #threadId: string;
  readonly #options: TanstackConnectionOptions<Chunk, Message>;
  /** Messages of this page that its chat has anyway. */
  readonly #sent = new Set<string>();
  /** Entries that the chat has: they are no news for a subscriber. */
  readonly #known = new Set<string>();
  #room: RunRoom | undefined;
  /** While the chat is loaded, subscribers wait: what is loaded replaces what the page has. */
  #hydrating: Promise<unknown> = Promise.resolve();
  /** The run that a subscriber is given: stale where the page has replaced what there was of it. */
  #current: { isStale: boolean } | undefined;
  #hasSubscribed = false;
  /** Runs that this page has asked for: it waits for their ends, also where a snapshot has had their messages. */
  readonly #asked = new Set<string>();
  /** Sends that were not refused. */
  #sends = 0;
  readonly #isChunk = (_event: AgUiEvent): _event is Chunk => true;

  constructor(client: ChunkClient, threadId: string, options: TanstackConnectionOptions<Chunk, Message>) {
    if (typeof options?.processor !== 'function')
      throw new InvalidOptionError({ option: 'processor', expected: 'function' });
    this.#client = client;
    this.#threadId = threadId;
    this.#options = options;
  }

  /**
   * Events of all runs of the chat, also of those that other tabs and users have asked for. What else they do comes as MESSAGES_SNAPSHOT: their
   * messages, and answers that are replaced.
   */
  subscribe(abortSignal?: AbortSignal): AsyncIterable<Chunk> {
    return this.#typed(abortable(this.#news(this.#open(), abortSignal), abortSignal));
  }

  /**
   * Asks for a run. The last message alone is sent, because the server has those before it. The signal is that of `stop()`: it cancels the run.
   * @throws as `client.publish`
   */
  async send(
    messages: readonly object[],
    _data?: unknown,
    abortSignal?: AbortSignal,
    context?: RunContext,
  ): Promise<void> {
    abortSignal?.throwIfAborted();
    const room = this.#open();
    const message = messages.at(-1);
    if (!isMessage(message)) throw new TypeError('The last message has to be a UIMessage.');
    const { runId = crypto.randomUUID(), parentRunId, resume, clientTools: tools, forwardedProps } = context ?? {};
    remember(this.#sent, message.id);
    const turn = { type: 'run', runId, parentRunId, message, resume, tools, forwardedProps };
    const cancel = (): void => room.thread.follow(runId).cancel();
    this.#sends++;
    remember(this.#asked, runId);
    try {
      const { data } = await this.#client.publish(this.#threadId, turn);
      if (textIn(fieldsOf(Object(data))['runId']) !== runId)
        throw new Error('The server does not serve runs: use onPublish of serveRuns.');
    } catch (error) {
      this.#sends--;
      this.#asked.delete(runId);
      throw error;
    }
    if (abortSignal?.aborted === true) cancel();
    else abortSignal?.addEventListener('abort', cancel, { once: true });
  }

  /** The messages of the chat from its log. A run in progress comes to subscribers. @throws as `thread.loadOlder` */
  hydrate(_threadId: string, page: HydratePage = {}): Promise<Hydration<Chunk, Message>> {
    const loading = this.#hydrate(page);
    // until the page has taken it over
    this.#hydrating = loading.then(nextTask, nextTask);
    return loading;
  }

  /** Stops the run in progress for all who see it: for a stop button. `stop()` of a chat is about a run that this page has asked for. */
  cancel(): void {
    this.#room?.active.at(-1)?.cancel();
  }

  /** Leaves the chat. The client stays connected. */
  close(): void {
    this.#room?.thread.leave();
    this.#room = undefined;
  }

  #open(): RunRoom {
    return (this.#room ??= new RunRoom(this.#client, this.#threadId));
  }

  async #hydrate({ limit, before }: HydratePage): Promise<Hydration<Chunk, Message>> {
    const room = this.#open();
    const sends = this.#sends;
    const isNewest = before === undefined;
    let older: readonly RunEntry[] = [];
    if (isNewest) await room.loadFirst(limit);
    else if (before === room.cursor) older = await room.loadOlder(limit);
    else throw new Error('This page is not the next one.');
    const { cursor } = room;
    // a chat that sends meanwhile ignores what is loaded
    const isTaken = isNewest && sends === this.#sends;
    if (isTaken && this.#current !== undefined) this.#current.isStale = true;
    return {
      messages: isNewest ? this.#messages(room, isTaken) : this.#conversation(older).messages,
      activeRun: null,
      interrupts: isNewest ? interruptsOf<Chunk>(room.entries.at(-1)) : null,
      page: cursor === undefined ? { truncated: false } : { truncated: true, cursor },
    };
  }

  /** The chat as the log has it. @param isTaken the chat takes it over */
  #messages({ entries }: RunRoom, isTaken: boolean): Message[] {
    if (isTaken) for (const { id } of entries) remember(this.#known, id);
    return this.#conversation(entries).messages;
  }

  #conversation(entries: readonly RunEntry[]): Conversation<Chunk, Message> {
    const conversation = new Conversation(this.#options.processor());
    for (const entry of entries) conversation.add(entry);
    return conversation;
  }

  /** One thing after the other: runs, and changes. */
  async *#news(room: RunRoom, signal: AbortSignal | undefined): AsyncGenerator<AgUiEvent> {
    const waiting: News[] = [];
    let wake = (): void => {};
    const off = room.listen((news) => {
      waiting.push(news);
      wake();
    });
    signal?.addEventListener('abort', () => wake(), { once: true });
    // the chat may have a part of a run, which comes from its first event
    if (this.#hasSubscribed) waiting.unshift({ kind: 'change' });
    this.#hasSubscribed = true;
    try {
      for (;;) {
        await this.#hydrating;
        if (signal?.aborted === true) return;
        const news = waiting.shift();
        if (news === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (news.kind === 'failure') throw news.error;
        else if (news.kind === 'run') yield* this.#run(news.id, room);
        else if (news.kind === 'change' || !this.#has(news.id, room)) yield await this.#snapshot(room);
      }
    } finally {
      off();
    }
  }

  /** Whether the chat has this message. */
  #has(entryId: string, { entries }: RunRoom): boolean {
    const data = entries.find(({ id }) => id === entryId)?.data;
    return this.#known.has(entryId) || !isMessage(data) || this.#sent.has(data.id);
  }

  /** The chat as it is now. */
  async #snapshot(room: RunRoom): Promise<AgUiEvent> {
    await room.loadFirst();
    const messages = this.#messages(room, true);
    // one that is not in the log yet comes again when it is
    this.#sent.clear();
    return event('MESSAGES_SNAPSHOT', { messages });
  }

  async *#run(id: string, room: RunRoom): AsyncGenerator<AgUiEvent> {
    if (this.#known.has(id) && !this.#asked.has(id)) return;
    for (let isWhole = false; !isWhole;) {
      const current = { isStale: false };
      this.#current = current;
      for await (const chunk of room.chunksOf(id)) {
        await this.#hydrating;
        if (current.isStale) break;
        // the page was loaded when the run had ended: it has all but the end
        if (!this.#known.has(id) || chunk.type.startsWith('RUN_')) yield chunk;
      }
      isWhole = !current.isStale;
      if (!isWhole) yield await this.#snapshot(room);
    }
    this.#current = undefined;
    this.#asked.delete(id);
    remember(this.#known, id);
  }

  async *#typed(events: AsyncGenerator<AgUiEvent>): AsyncGenerator<Chunk> {
    for await (const next of events) if (this.#isChunk(next)) yield next;
  }
}

/**
 * The `SubscribeConnectionAdapter` of TanStack AI over this client, for one chat. The client is that of `connect` of `threadcast/chunks`.
 *
 * ```ts
 * const connection = tanstackConnection<StreamChunk, UIMessage>(client, 'chat:42', { processor: () => new StreamProcessor() });
 * const { messages, sendMessage, stop } = useChat({ threadId: 'chat:42', connection, live: true, persistence: true });
 * ```
 *
 * @typeParam Chunk `StreamChunk` of npm `@tanstack/ai-client`
 * @typeParam Message `UIMessage` of it
 * @throws InvalidOptionError
 */
export function tanstackConnection<Chunk extends AgUiEvent, Message extends ChatMessage>(
  client: ChunkClient,
  threadId: string,
  options: TanstackConnectionOptions<Chunk, Message>,
): TanstackConnection<Chunk, Message> {
  return new TanstackConnection(client, threadId, options);
}

const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function remember(set: Set<string>, id: string): void {
  set.add(id);
  dropExcess(set, REMEMBERED);
}
