import { ConnectionClosedError, ValueLimitError } from '../../errors.ts';
import type { ValueDraft, ValueLimits } from '../../../api/log-values.ts';
import type { RetryUntil } from './retry-until.ts';
import { ownerOf } from './stored-values.ts';
import type { SetAnswer, ValueStore } from './value-store.ts';

/** Keys of one owner that are remembered. An owner with more of them is looked for among all values. */
const MOST_KNOWN = 64;

/** What a connection has set in a thread. */
interface Holding {
  readonly threadId: string;
  readonly owner: string;
  /** Undefined if there were many. */
  keys: Set<string> | undefined;
  isEnded: boolean;
}

/**
 * The changes that this node makes: in each thread one after the other, with a number each, so that a change whose answer was lost can be
 * repeated. What a connection owns is removed with it, however long the log is away.
 */
export class ValueChanges {
  readonly #store: ValueStore;
  readonly #nodeId: string;
  readonly #retryUntil: RetryUntil;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #holdings = new Map<string, Holding>();
  /** Those that have ended, and whose keys are still to be removed. */
  readonly #ended = new Set<Holding>();
  #number = 0;

  constructor(store: ValueStore, nodeId: string, retryUntil: RetryUntil) {
    this.#store = store;
    this.#nodeId = nodeId;
    this.#retryUntil = retryUntil;
  }

  async set(threadId: string, draft: ValueDraft, limits: ValueLimits): Promise<SetAnswer> {
    const { key, json, ttlMs } = draft;
    const holding = draft.owner === undefined ? undefined : this.#hold(threadId, draft.owner, key);
    const value = {
      key,
      json,
      owner: draft.owner === undefined ? undefined : this.#ownerOf(draft.owner),
      ttlMs: ttlMs === undefined ? undefined : Math.max(1, Math.round(ttlMs)),
    };
    return this.#change(threadId, (number) => {
      if (holding?.isEnded === true)
        throw new ConnectionClosedError({ connectionId: holding.owner, action: 'set a value' });
      return this.#store.set(threadId, number, value, limits);
    });
  }

  /** False if there was none. */
  async delete(threadId: string, key: string): Promise<boolean> {
    const dropped = await this.#change(threadId, (number) => this.#store.drop(threadId, number, undefined, [key]));
    return dropped !== 0;
  }

  /** The connection has ended. */
  end(threadId: string, owner: string): void {
    const name = nameOf(threadId, owner);
    const holding = this.#holdings.get(name);
    if (holding === undefined) return;
    this.#holdings.delete(name);
    holding.isEnded = true;
    this.#ended.add(holding);
    void this.#release(holding);
  }

  /**
   * Removes what a connection of any node owns.
   * @param keys those that it may own; without any, all values are looked at
   */
  async drop(threadId: string, owner: string, keys: Iterable<string> = []): Promise<void> {
    await this.#change(threadId, (number) => this.#store.drop(threadId, number, owner, [...keys]));
  }

  /** There are new connections: what could not be removed is tried again. */
  reconnected(): void {
    for (const holding of this.#ended) void this.#release(holding);
  }

  /** Never rejects: what could not be removed follows when the log is reachable again. */
  async #release(holding: Holding): Promise<void> {
    const { threadId, owner, keys } = holding;
    try {
      await this.drop(threadId, this.#ownerOf(owner), keys);
      this.#ended.delete(holding);
    } catch {
      // the session reports the error
    }
  }

  #hold(threadId: string, owner: string, key: string): Holding {
    const name = nameOf(threadId, owner);
    const holding = this.#holdings.get(name) ?? { threadId, owner, keys: new Set<string>(), isEnded: false };
    this.#holdings.set(name, holding);
    holding.keys?.add(key);
    if (holding.keys !== undefined && holding.keys.size > MOST_KNOWN) holding.keys = undefined;
    return holding;
  }

  #ownerOf(owner: string): string {
    return ownerOf(this.#nodeId, owner);
  }

  /** @param make makes the change with this number; throws where it must not be made any more */
  async #change<T>(threadId: string, make: (number: number) => Promise<T>): Promise<T> {
    const before = this.#turns.get(threadId);
    const number = ++this.#number;
    let isOver = false;
    const done = this.#retryUntil.withinDeadline(threadId, async () => {
      await before;
      if (isOver) throw new Error('its time is up');
      return make(number);
    });
    const turn = Promise.allSettled([before, done]).then(() => {
      if (this.#turns.get(threadId) === turn) this.#turns.delete(threadId);
    });
    this.#turns.set(threadId, turn);
    try {
      return await done;
    } finally {
      isOver = true;
    }
  }
}

/** @throws ValueLimitError where there was no room */
export function assertRoom(
  answer: SetAnswer,
  facts: { readonly threadId: string; readonly key: string },
  { maxKeys, maxBytes }: ValueLimits,
): void {
  if (answer === 'keys') throw new ValueLimitError({ ...facts, limit: 'values.maxKeys', most: maxKeys });
  if (answer === 'bytes') throw new ValueLimitError({ ...facts, limit: 'values.maxBytes', most: maxBytes });
}

const nameOf = (threadId: string, owner: string): string => `${owner} ${threadId}`;
