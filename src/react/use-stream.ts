import { useMemo } from 'react';
import type { ClientStream, Message } from '../client/index.ts';
import { useClient } from './provider.ts';
import { Store } from './store.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';
import type { ThreadStore } from './thread-store.ts';

/** A text that grows, from its beginning to its end. */
export interface UseStream {
  readonly text: string;
  readonly isDone: boolean;
  /** What the stream ended as. Undefined before its end, and where messages are missing. */
  readonly message: Message | undefined;
}

const NOTHING: UseStream = { text: '', isDone: false, message: undefined };

/** Follows one stream, and keeps its thread joined for that. */
class StreamStore extends Store<UseStream> {
  readonly #thread: ThreadStore;
  readonly #id: string;
  #stream: ClientStream | undefined;
  #isDone = false;
  #message: Message | undefined;
  #texts: AsyncIterator<string> | undefined;
  #leave: (() => void) | undefined;

  constructor(thread: ThreadStore, id: string) {
    super(NOTHING);
    this.#thread = thread;
    this.#id = id;
  }

  protected override begin(): void {
    this.#leave = this.#thread.subscribe(() => {});
    this.#stream = this.#thread.thread?.follow(this.#id);
    if (this.#stream !== undefined) void this.#watch(this.#stream);
  }

  protected override end(): void {
    void this.#texts?.return?.();
    this.#stream = undefined;
    this.#leave?.();
  }

  protected override take(): UseStream {
    return { text: this.#stream?.text ?? '', isDone: this.#isDone, message: this.#message };
  }

  async #watch(stream: ClientStream): Promise<void> {
    const texts = stream[Symbol.asyncIterator]();
    this.#texts = texts;
    while ((await texts.next()).done !== true) this.changed();
    if (this.#stream !== stream) return;
    this.#message = await stream.done;
    this.#isDone = true;
    this.changed();
  }
}

/**
 * The text of one stream, which a message of yours names, wherever it is now. A thread's streams in progress are in `useThread(…).streams`.
 *
 * @param streamId undefined for none
 */
export function useStream(threadId: string, streamId: string | undefined): UseStream {
  const client = useClient();
  const store = useMemo(() => {
    if (client === undefined || streamId === undefined) return undefined;
    return new StreamStore(storesOf(client).thread(threadId), streamId);
  }, [client, threadId, streamId]);
  return useStore(store, NOTHING);
}
