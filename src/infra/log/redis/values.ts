import type { ValueLimits } from '../../../api/log-values.ts';
import type { LivingNodes } from '../shared/living-nodes.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { SharedValues } from '../shared/shared-values.ts';
import type { StoredValues } from '../shared/stored-values.ts';
import type { SetAnswer, ValueStore, ValueToSet } from '../shared/value-store.ts';
import { asArray, asText } from './codec.ts';
import type { RedisLogSettings } from './options.ts';
import type { Script } from './scripts.ts';
import type { RedisSession } from './session.ts';
import { decodeValueNews, decodeValues } from './value-codec.ts';
import { DROP_VALUES, READ_VALUES, SET_VALUE } from './value-scripts.ts';

/** What it needs of the session. */
type StoreSession = Pick<RedisSession, 'run' | 'bulk'> & {
  readonly connection: Pick<NonNullable<RedisSession['connection']>, 'publishCommand'> | undefined;
};

/** The channel of a thread. */
interface Channel {
  /** Resolves when it is subscribed on the current connections. */
  subscribed(): Promise<void>;
}

/** The values of a thread: a hash. */
export class RedisValueStore implements ValueStore {
  readonly #session: StoreSession;
  readonly #settings: RedisLogSettings;
  readonly #channels: ReadonlyMap<string, Channel>;

  constructor(session: StoreSession, settings: RedisLogSettings, channels: ReadonlyMap<string, Channel>) {
    this.#session = session;
    this.#settings = settings;
    this.#channels = channels;
  }

  async set(threadId: string, number: number, value: ValueToSet, limits: ValueLimits): Promise<SetAnswer> {
    const { key, json, owner = '-', ttlMs = 0 } = value;
    const args = [key, json, owner, String(ttlMs), countOf(limits.maxKeys), countOf(limits.maxBytes)];
    const [answer] = asArray(await this.#change(SET_VALUE, threadId, number, args));
    const said = asText(answer);
    return said === 'set' || said === 'keys' || said === 'bytes' ? said : 'known';
  }

  async drop(threadId: string, number: number, owner = '', keys: readonly string[]): Promise<number> {
    const [dropped] = asArray(await this.#change(DROP_VALUES, threadId, number, [owner, ...keys]));
    return typeof dropped === 'number' ? dropped : 1;
  }

  async read(threadId: string, key?: string): Promise<StoredValues> {
    const { keys, redisNow } = this.#settings;
    const { values } = keys.thread(threadId);
    const args = key === undefined ? [redisNow()] : [redisNow(), key];
    return decodeValues(await this.#session.bulk(values, () => this.#session.run(READ_VALUES, [values], args)));
  }

  async subscribed(threadId: string): Promise<void> {
    await this.#channels.get(threadId)?.subscribed();
  }

  #change(script: Script, threadId: string, number: number, args: readonly string[]): Promise<unknown> {
    const { keys, nodeId, redisNow, positionsMs, newEpoch } = this.#settings;
    const { values, channel } = keys.thread(threadId);
    const publish = this.#session.connection?.publishCommand ?? 'PUBLISH';
    const common = [redisNow(), nodeId, String(number), channel, publish, String(positionsMs), newEpoch()];
    return this.#session.run(script, [values], [...common, ...args]);
  }
}

/** The values of threads: a hash for each thread, whose changes are published. */
export class RedisValues extends SharedValues {
  readonly #redis: RedisSession;
  readonly #redisSettings: RedisLogSettings;

  constructor(
    session: RedisSession,
    settings: RedisLogSettings,
    nodes: LivingNodes,
    retryUntil: RetryUntil,
    channels: ReadonlyMap<string, Channel>,
  ) {
    super(new RedisValueStore(session, settings, channels), session, settings, nodes, retryUntil);
    this.#redis = session;
    this.#redisSettings = settings;
  }

  /** A change of a thread's values has been published; false if the message is something else. */
  heard(threadId: string, message: Buffer): boolean {
    const news = decodeValueNews(message);
    if (news !== undefined) this.take(threadId, news);
    return news !== undefined;
  }

  /** Keeps a held thread's values alive in Redis, and finds changes that were missed although nothing seemed to be wrong. */
  async check(threadId: string): Promise<void> {
    if (!this.isWatched(threadId)) return;
    const { keys, positionsMs } = this.#redisSettings;
    const key = keys.thread(threadId).values;
    const call = (...command: string[]): Promise<unknown> => this.#redis.call(key, command);
    try {
      const [facts] = await Promise.all([call('HMGET', key, 'e', 'r'), call('PEXPIRE', key, String(positionsMs))]);
      const [epoch, revision] = asArray(facts).map((fact) => (fact === null ? '' : asText(fact)));
      this.compare(threadId, epoch ?? '', Number(revision));
    } catch {
      // the session reports the error; the next round follows
    }
  }
}

const countOf = (limit: number): string => String(Math.min(limit, Number.MAX_SAFE_INTEGER));
