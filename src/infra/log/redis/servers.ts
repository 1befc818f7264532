import type { Clock } from '../../../api/clock.ts';
import { pause } from '../../time/pause.ts';
import type { RedisConnection } from './connections.ts';

/** Redis does not tell which server it is: this node may not ask, or the shard is silent. */
const UNKNOWN = '';
/** Not an empty one: the client of a cluster sends its commands to any node, also to a replica. */
const ANY_KEY = 'any';

/**
 * The servers that one set of connections leads to, by their run ids: a replica has another one than its master had, and a server that was
 * started anew another one than before.
 */
export class Servers {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #patienceMs: number;
  /** Of each shard that has answered. */
  readonly #known = new Map<string, string>();
  readonly #asked = new Map<string, Promise<void>>();

  /** @param patienceMs for an answer; then the server is unknown */
  constructor(connection: RedisConnection, clock: Clock, patienceMs: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#patienceMs = patienceMs;
  }

  /** The run id of the server that has this key; empty if it is not known, or not yet. */
  of(key: string): string {
    void this.ask(key);
    return this.#known.get(this.#connection.shardOf(key)) ?? UNKNOWN;
  }

  /** Asks the server that has this key, once. Never rejects. */
  ask(key: string): Promise<void> {
    const shard = this.#connection.shardOf(key);
    let asked = this.#asked.get(shard);
    if (asked === undefined) this.#asked.set(shard, (asked = this.#ask(shard, key)));
    return asked;
  }

  /** Asks the only server, or one of a cluster. */
  askOne(): Promise<void> {
    return this.ask(ANY_KEY);
  }

  async #ask(shard: string, key: string): Promise<void> {
    const answered = new AbortController();
    const asked = this.#connection.call(key, ['INFO', 'server']).then(runIdIn, () => UNKNOWN);
    const waited = pause(this.#clock, this.#patienceMs, answered.signal).then(() => UNKNOWN);
    this.#known.set(shard, await Promise.race([asked, waited]));
    answered.abort();
  }
}

/** Whether a thread may be on another server than the one that it was on, or on the same one, started anew. */
export const isOtherServer = (former: string, server: string): boolean => server === UNKNOWN || server !== former;

const runIdIn = (info: unknown): string => /^run_id:(\w+)/m.exec(String(info))?.[1] ?? UNKNOWN;
