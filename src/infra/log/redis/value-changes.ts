import { ConnectionClosedError, ValueLimitError } from '../../errors.ts';
import type { ValueDraft, ValueLimits } from '../../../api/log-values.ts';
import { asArray, asText } from './codec.ts';
import type { RedisLogSettings } from './options.ts';
import type { RetryUntil } from './retry-until.ts';
import type { Script } from './scripts.ts';
import type { RedisSession } from './session.ts';
import { ownerOf } from '../shared/stored-values.ts';
import { DROP_VALUES, SET_VALUE } from './value-scripts.ts';

/** Keys of one owner that are remembered. An owner with more of them is looked for among all values. */
const MOST_KNOWN = 64;

/** What it needs of the session. */
type ChangesSession = Pick<RedisSession, 'run' | 'connection'>;

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
 * repeated. What a connection owns is removed with it, however long Redis is away.
 */
export class ValueChanges {
  readonly #session: ChangesSession;
  readonly #settings: RedisLogSettings;
  readonly #retryUntil: RetryUntil;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #holdings = new Map<string, Holding>();
  /** Those that have ended, and whose keys are still to be removed. */
  readonly #ended = new Set<Holding>();
  #number = 0;

  constructor(session: ChangesSession, settings: RedisLogSettings, retryUntil: RetryUntil) {
    this.#session = session;
    this.#settings = settings;
    this.#retryUntil = retryUntil;
  }

  async set(threadId: string, draft: ValueDraft, limits: ValueLimits): Promise<'set' | 'known' | 'keys' | 'bytes'> {
    const { key, json, ttlMs } = draft;
    const holding = draft.owner === undefined ? undefined : this.#hold(threadId, draft.owner, key);
    const owner = draft.owner === undefined ? '-' : this.#ownerOf(draft.owner);
    const ttl = ttlMs === undefined ? '0' : String(Math.max(1, Math.round(ttlMs)));
    const args = [key, json, owner, ttl, countOf(limits.maxKeys), countOf(limits.maxBytes)];
    const [answer] = await this.#change(SET_VALUE, threadId, args, () => {
      if (holding?.isEnded === true)
        throw new ConnectionClosedError({ connectionId: holding.owner, action: 'set a value' });
    });
    const said = asText(answer);
    return said === 'set' || said === 'keys' || said === 'bytes' ? said : 'known';
  }

  /** False if there was none. */
  async delete(threadId: string, key: string): Promise<boolean> {
    const [dropped] = await this.#change(DROP_VALUES, threadId, ['', key]);
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
    await this.#change(DROP_VALUES, threadId, [owner, ...keys]);
  }

  /** There are new connections: what could not be removed is tried again. */
  reconnected(): void {
    for (const holding of this.#ended) void this.#release(holding);
  }

  /** Never rejects: what could not be removed follows when Redis is reachable again. */
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
    return ownerOf(this.#settings.nodeId, owner);
  }

  /** @param assertWanted throws where the change must not be made any more */
  async #change(
    script: Script,
    threadId: string,
    args: readonly string[],
    assertWanted: () => void = () => {},
  ): Promise<readonly unknown[]> {
    const before = this.#turns.get(threadId);
    const number = String(++this.#number);
    let isOver = false;
    const done = this.#retryUntil.withinDeadline(threadId, async () => {
      await before;
      if (isOver) throw new Error('its time is up');
      assertWanted();
      return asArray(await this.#run(script, threadId, number, args));
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

  #run(script: Script, threadId: string, number: string, args: readonly string[]): Promise<unknown> {
    const { keys, nodeId, redisNow, positionsMs, newEpoch } = this.#settings;
    const { values, channel } = keys.thread(threadId);
    const publish = this.#session.connection?.publishCommand ?? 'PUBLISH';
    const common = [redisNow(), nodeId, number, channel, publish, String(positionsMs), newEpoch()];
    return this.#session.run(script, [values], [...common, ...args]);
  }
}

/** @throws ValueLimitError where there was no room */
export function assertRoom(
  answer: 'set' | 'known' | 'keys' | 'bytes',
  facts: { readonly threadId: string; readonly key: string },
  { maxKeys, maxBytes }: ValueLimits,
): void {
  if (answer === 'keys') throw new ValueLimitError({ ...facts, limit: 'values.maxKeys', most: maxKeys });
  if (answer === 'bytes') throw new ValueLimitError({ ...facts, limit: 'values.maxBytes', most: maxBytes });
}

const countOf = (limit: number): string => String(Math.min(limit, Number.MAX_SAFE_INTEGER));

const nameOf = (threadId: string, owner: string): string => `${owner} ${threadId}`;
