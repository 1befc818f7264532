import { connect, type Client, type ClientStream } from '../../src/client/index.ts';

/** What a client got in one thread, in its order. */
export type Seen =
  | { readonly kind: 'message'; readonly id: string; readonly offset: number }
  | { readonly kind: 'gap'; readonly why: string; readonly offset: number };

/** A client that joins every thread from its beginning and writes down all it gets. */
export class Watcher {
  readonly seen = new Map<string, Seen[]>();
  /** Token streams that were followed to their final message, and those of them whose text was another one. */
  streams = 0;
  readonly garbled: string[] = [];
  readonly errors: unknown[] = [];
  readonly #client: Client;

  constructor(url: string, threads: readonly string[]) {
    this.#client = connect(url, { backoff: { minMs: 50, maxMs: 1_000 } });
    // five attempts in a row have failed, as they do while a node stands still: it goes on trying
    this.#client.on('error', (error) => codeOf(error) === 'TC_CONNECTION_FAILING' || this.errors.push(error));
    for (const threadId of threads) this.#watch(threadId);
  }

  /** Where it is in a thread: the newest offset it knows of. */
  headOf(threadId: string): number {
    return this.seen.get(threadId)?.at(-1)?.offset ?? 0;
  }

  close(): void {
    this.#client.close();
  }

  #watch(threadId: string): void {
    const seen: Seen[] = [];
    this.seen.set(threadId, seen);
    const thread = this.#client.join(threadId, { from: 'start' });
    thread.on('message', ({ id, offset }) => {
      if (offset !== undefined) seen.push({ kind: 'message', id, offset });
    });
    thread.on('gap', ({ why, position }) => seen.push({ kind: 'gap', why, offset: Number(position.split('.')[1]) }));
    thread.on('stream', (stream) => void this.#follow(stream));
    thread.on('error', (error) => this.errors.push(error));
  }

  /** What came in pieces, from whichever node, must be the text that the final message has. */
  async #follow(stream: ClientStream): Promise<void> {
    let text = '';
    for await (const piece of stream) text += piece;
    const final = (await stream.done)?.data;
    if (typeof final !== 'object' || final === null || !('text' in final)) return;
    this.streams++;
    if (final.text !== text) this.garbled.push(`stream ${stream.id} came as ${text.length} characters`);
  }
}

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
