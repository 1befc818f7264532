import { InvalidOptionError } from '../client/errors.ts';
import { parsePosition } from '../client/position.ts';
import { Feed } from './feed.ts';
import { keyOf, READ, userOf, valuesOf, type ClientEnd } from './keys.ts';

/** Where the users of a thread have read up to, as a client sees it. */
export interface Receipts {
  /** By user: the position of the last message that was read, `epoch.offset.id`. */
  readonly positions: ReadonlyMap<string, string>;
  /**
   * The user has read up to this position, `thread.position` or that of a message. One that is not after the last one changes nothing.
   * @throws InvalidOptionError for what is no position, and what `values.set` throws
   */
  read(userId: string, position: string): Promise<void>;
  /** A user has read on. Returns a function that removes the listener. */
  on(event: 'change', listener: (news: { readonly userId: string; readonly position: string }) => unknown): () => void;
  close(): void;
}

export function clientReceipts(thread: ClientEnd): Receipts {
  const values = valuesOf(thread);
  const positions = new Map<string, string>();
  const feed = new Feed<{ readonly userId: string; readonly position: string }>();
  const take = (key: string, position: unknown): void => {
    const userId = userOf(READ, key);
    if (userId === undefined || typeof position !== 'string') return;
    positions.set(userId, position);
    feed.emit('change', { userId, position });
  };
  for (const [key, value] of values.entries()) take(key, value);
  const stop = values.on('value', ({ key, value }) => take(key, value));
  /** What this client has asked for: `positions` has it only when the server has said so. */
  const asked = new Map<string, string>();
  return {
    positions,
    async read(userId, position) {
      const key = keyOf(READ, userId);
      if (![asked, positions].every((known) => isAfter(position, known.get(userId)))) return;
      asked.set(userId, position);
      try {
        await values.set(key, position);
      } catch (error) {
        if (asked.get(userId) === position) asked.delete(userId);
        throw error;
      }
    },
    on: (event, listener) => feed.on(event, listener),
    close: stop,
  };
}

/** In another epoch of the log, every position is new. @throws InvalidOptionError for what is no position */
export function isAfter(position: string, former: unknown): boolean {
  const [next, last] = [parsePosition(position), parsePosition(typeof former === 'string' ? former : undefined)];
  if (next === undefined) throw new InvalidOptionError({ option: 'position', expected: 'epoch.offset.id' });
  return last === undefined || next.epoch !== last.epoch || next.offset > last.offset;
}
