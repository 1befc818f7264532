import type { Clock } from '../../../api/clock.ts';
import type { DeliveryLog } from '../../../api/log.ts';
import type { ValueDraft, ValueLimits } from '../../../api/log-values.ts';

/** A value that a connection of a node owns. */
interface Owned {
  readonly threadId: string;
  readonly draft: ValueDraft & { readonly owner: string };
  readonly limits: ValueLimits;
  /** On the relay's clock. */
  readonly endsAt: number;
}

/** The values that connections of one node own. While the node is dead they are not in the log; they come back with it. */
export class NodeValues {
  readonly #log: DeliveryLog;
  readonly #clock: Clock;
  /** By thread and key. */
  readonly #owned = new Map<string, Owned>();

  constructor(log: DeliveryLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  note(threadId: string, draft: ValueDraft & { readonly owner: string }, limits: ValueLimits): void {
    const endsAt = this.#clock.now() + (draft.ttlMs ?? Infinity);
    this.#owned.set(`${threadId} ${draft.key}`, { threadId, draft, limits, endsAt });
  }

  /** The key has another value, or none. */
  forget(threadId: string, key: string): void {
    this.#owned.delete(`${threadId} ${key}`);
  }

  end(threadId: string, owner: string): void {
    for (const [name, owned] of this.#owned)
      if (owned.threadId === threadId && owned.draft.owner === owner) this.#owned.delete(name);
    this.#log.values?.end(threadId, owner);
  }

  hide(): void {
    for (const { threadId, draft } of this.#owned.values()) this.#log.values?.end(threadId, draft.owner);
  }

  /** Never rejects: what has no room any more stays away. */
  async show(): Promise<void> {
    const now = this.#clock.now();
    for (const [name, { threadId, draft, limits, endsAt }] of this.#owned) {
      const ttlMs = endsAt === Infinity ? undefined : endsAt - now;
      try {
        if (ttlMs === undefined || ttlMs > 0) await this.#log.values?.set(threadId, { ...draft, ttlMs }, limits);
        else this.#owned.delete(name);
      } catch {
        this.#owned.delete(name);
      }
    }
  }
}
