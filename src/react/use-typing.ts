import { useMemo } from 'react';
import type { ClientThread } from '../client/index.ts';
import { typing, type Typing } from '../presence/typing.ts';
import { PartStore, type PartView } from './part-store.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';
import type { ThreadStore } from './thread-store.ts';

/** What changes. */
interface TypingView extends PartView {
  /** The others who are typing, in the order in which they began. */
  readonly users: readonly string[];
}

/** Who is typing in a thread. The functions are the same in each render. */
export interface UseTyping extends TypingView {
  /** This user has typed: call it with each stroke. One request in two seconds; it ends six seconds after the last one, or with the component. */
  readonly typed: () => void;
  /** This user has sent the message, or given it up. */
  readonly stopped: () => void;
}

const EMPTY: TypingView = { users: [], error: undefined };

class TypingStore extends PartStore<TypingView> {
  readonly #userId: string | undefined;
  #part: Typing | undefined;
  #isTyping = false;

  constructor(thread: ThreadStore, userId: string | undefined) {
    super(thread, EMPTY);
    this.#userId = userId;
  }

  typed(isTyping: boolean): void {
    if (this.#userId === undefined || this.#part === undefined || !(isTyping || this.#isTyping)) return;
    this.#isTyping = isTyping;
    void this.watch(isTyping ? this.#part.typed(this.#userId) : this.#part.stopped(this.#userId));
  }

  protected override attach(thread: ClientThread): () => void {
    const part = typing(thread);
    part.on('change', () => this.changed());
    this.#part = part;
    return () => part.close();
  }

  protected override view(): TypingView {
    const users = [...(this.#part?.users ?? [])].filter((user) => user !== this.#userId);
    return { users, error: this.error };
  }

  protected override end(): void {
    this.typed(false);
    super.end();
    this.#part = undefined;
  }
}

/**
 * Who is typing in a thread, which is joined while the component is mounted. The client needs the part `values`; without it, the hook throws
 * InvalidOptionError, for the error boundary.
 *
 * ```tsx
 * const { users, typed, stopped } = useTyping('room:42', 'ada');
 * <input onInput={typed} onBlur={stopped} />;
 * ```
 *
 * @param userId the client's own user, which `onValue` of the server allows; undefined only to look
 */
export function useTyping(threadId: string, userId?: string): UseTyping {
  const client = useClient();
  const store = useMemo(
    () => (client === undefined ? undefined : new TypingStore(storesOf(client).thread(threadId), userId)),
    [client, threadId, userId],
  );
  const view = useStore(store, EMPTY);
  return useMemo(
    () => ({ ...view, typed: () => store?.typed(true), stopped: () => store?.typed(false) }),
    [view, store],
  );
}
