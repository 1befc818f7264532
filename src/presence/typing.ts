import { systemClock, type ClientClock } from '../client/clock.ts';
import { Feed } from './feed.ts';
import { keyOf, TYPING, TYPING_MS, userOf, valuesOf, type ClientEnd } from './keys.ts';

/** Strokes within this time are one request. */
const REPEAT_MS = 2_000;

/** Who is typing in a thread, as a client sees it. */
export interface Typing {
  /** Those who are typing, this client's own user included. */
  readonly users: ReadonlySet<string>;
  /** The user has typed: call it with each stroke. Without another one, it ends after six seconds. @throws what `values.set` throws */
  typed(userId: string): Promise<void>;
  /** The user has sent the message, or given it up. */
  stopped(userId: string): Promise<void>;
  /** `users` has changed. Returns a function that removes the listener. */
  on(event: 'change', listener: (users: ReadonlySet<string>) => unknown): () => void;
  close(): void;
}

/** Who is typing in a thread, for a client. */
export function typing(thread: ClientEnd, { clock = systemClock }: { readonly clock?: ClientClock } = {}): Typing {
  const values = valuesOf(thread);
  const users = new Set<string>();
  const feed = new Feed<ReadonlySet<string>>();
  let typedAt = -Infinity;
  const take = (key: string, isTyping: boolean): void => {
    const user = userOf(TYPING, key);
    if (user === undefined || users.has(user) === isTyping) return;
    if (isTyping) users.add(user);
    else users.delete(user);
    feed.emit('change', users);
  };
  for (const [key] of values.entries()) take(key, true);
  const stop = values.on('value', ({ key, value }) => take(key, value === true));
  return {
    users,
    async typed(userId) {
      const key = keyOf(TYPING, userId);
      if (clock.now() - typedAt < REPEAT_MS) return;
      typedAt = clock.now();
      await values.set(key, true, { ttlMs: TYPING_MS });
    },
    async stopped(userId) {
      typedAt = -Infinity;
      await values.delete(keyOf(TYPING, userId));
    },
    on: (event, listener) => feed.on(event, listener),
    close: stop,
  };
}
