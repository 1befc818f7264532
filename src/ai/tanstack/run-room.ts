import type { ChunkClient } from '../../chunks/index.ts';
import type { ClientStream, ClientThread } from '../../client/index.ts';
import { dropExcess } from '../../client/excess.ts';
import { olderEntries } from '../client/older-entries.ts';
import { agUiCodec, isRun, type AgUiEvent, type LoggedRun } from './ag-ui-codec.ts';
import type { RunEntry } from './conversation.ts';
import { runChunks } from './run-chunks.ts';

/** Runs and entries that are remembered. */
const REMEMBERED = 1_000;

/** Entries of a page where the chat names no number. */
const PAGE = 100;

/** What happens in a chat's thread. */
export type News =
  | { readonly kind: 'run' | 'message'; readonly id: string }
  /** A message was edited or removed. */
  | { readonly kind: 'change' }
  | { readonly kind: 'failure'; readonly error: unknown };

/** The thread of a chat: its log as far as it was loaded, and its runs. */
export class RunRoom {
  readonly thread: ClientThread;
  readonly #client: ChunkClient;
  /** Since the join. */
  readonly #live = new Map<string, unknown>();
  readonly #listeners = new Set<(news: News) => void>();
  readonly #seen = new Set<string>();
  #older: readonly RunEntry[] = [];
  #first: Promise<unknown> | undefined;
  #hasOlder = false;
  #failure: unknown;

  constructor(client: ChunkClient, threadId: string) {
    const thread = client.join(threadId, { codecs: [agUiCodec] });
    this.thread = thread;
    this.#client = client;
    thread.on('stream', (stream) => void (isOurs(stream) && this.#onRun(stream.id)));
    thread.on('message', ({ id, data }) => this.#onEntry(id, data));
    thread.on('replaced', ({ id, data }) => this.#onReplaced(id, data));
    thread.on('removed', ({ id }) => this.#onRemoved(id));
    thread.on('joined', () => (this.#failure = undefined));
    thread.on('error', (error) => this.#fail(error));
    thread.on('left', ({ reason }) => this.#fail(new Error(reason)));
  }

  /** The runs in progress. */
  get active(): readonly ClientStream[] {
    return this.thread.streams.filter(isOurs);
  }

  /** Oldest first. */
  get entries(): readonly RunEntry[] {
    return [...this.#older, ...[...this.#live].map(([id, data]) => ({ id, data }))];
  }

  /** The cursor of the page that was loaded last; undefined if there is none before it. */
  get cursor(): string | undefined {
    return this.#hasOlder ? this.#older[0]?.id : undefined;
  }

  /** Loads the newest page of what was there before the join, once. @throws as `thread.loadOlder` */
  loadFirst(limit?: number): Promise<unknown> {
    this.#first ??= this.loadOlder(limit).catch((error: unknown) => {
      this.#first = undefined;
      throw error;
    });
    return this.#first;
  }

  /** Loads the page before those. @throws as `thread.loadOlder` */
  async loadOlder(limit = PAGE): Promise<readonly RunEntry[]> {
    const { messages, hasOlder } = await olderEntries(this.#client, this.thread, limit);
    this.#older = [...messages, ...this.#older];
    this.#hasOlder = hasOlder;
    return messages;
  }

  /** Notifies of runs in progress as well. */
  listen(listener: (news: News) => void): () => void {
    this.#listeners.add(listener);
    for (const { id } of this.active) listener({ kind: 'run', id });
    if (this.#failure !== undefined) listener({ kind: 'failure', error: this.#failure });
    return () => void this.#listeners.delete(listener);
  }

  /** The events of a run that is in progress, or has ended since the join, from its first one. */
  chunksOf(runId: string): AsyncGenerator<AgUiEvent> {
    const stream = this.active.find(({ id }) => id === runId);
    return runChunks(runId, stream, () => this.#ended(runId));
  }

  #ended(runId: string): LoggedRun | undefined {
    const data = this.#live.get(runId);
    return isRun(data) ? data : undefined;
  }

  #onRun(id: string): void {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    dropExcess(this.#seen, REMEMBERED);
    this.#notify({ kind: 'run', id });
  }

  #onEntry(id: string, data: unknown): void {
    this.#live.set(id, data);
    dropExcess(this.#live, REMEMBERED);
    // a run whose stream was missed
    if (isRun(data)) this.#onRun(id);
    else this.#notify({ kind: 'message', id });
  }

  #onReplaced(id: string, data: unknown): void {
    if (this.#live.has(id)) this.#live.set(id, data);
    this.#older = this.#older.map((entry) => (entry.id === id ? { id, data } : entry));
    this.#notify({ kind: 'change' });
  }

  #onRemoved(id: string): void {
    this.#live.delete(id);
    this.#older = this.#older.filter((entry) => entry.id !== id);
    this.#notify({ kind: 'change' });
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#notify({ kind: 'failure', error });
  }

  #notify(news: News): void {
    for (const listener of this.#listeners) listener(news);
  }
}

const isOurs = ({ codec }: ClientStream): boolean => codec === agUiCodec.name;
