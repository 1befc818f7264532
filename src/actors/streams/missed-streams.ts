import type { TextReader } from './text-reader.ts';

/** The stream positions that a client reports for a thread: UTF-16 units by stream id. */
export type TextPositions = ReadonlyMap<string, number>;

export const NOTHING_KNOWN: TextPositions = new Map();

/** Streams that a client knows and this process does not, and until when news of them may still come. */
interface Missed {
  readonly has: TextPositions;
  readonly dueAt: number;
}

/** What clients know of streams in a thread that this process has not heard of. */
export class MissedStreams {
  readonly #missed = new Map<TextReader, Missed>();

  set(subscription: TextReader, missed: Missed): void {
    if (missed.has.size === 0) this.#missed.delete(subscription);
    else this.#missed.set(subscription, missed);
  }

  delete(subscription: TextReader): void {
    this.#missed.delete(subscription);
  }

  clear(): void {
    this.#missed.clear();
  }

  /** The subscriptions whose clients know this stream, with their position in it. */
  *positionsIn(id: string): Generator<readonly [TextReader, number]> {
    for (const [subscription, { has }] of this.#missed) {
      const at = has.get(id);
      if (at !== undefined) yield [subscription, at];
    }
  }

  /** Reports the streams as lost to clients that have waited long enough. */
  expire(now: number, isKnown: (id: string) => boolean): void {
    for (const [subscription, { has, dueAt }] of this.#missed) {
      if (dueAt > now) continue;
      this.#missed.delete(subscription);
      for (const id of has.keys()) if (!isKnown(id)) subscription.tellLost(id);
    }
  }
}
