import { LogEvictionError } from '../../errors.ts';
import type { RedisConnection } from './connections.ts';

/** The policy with which a full Redis refuses commands instead of deleting keys. */
const SAFE = 'noeviction';

/**
 * Checks whether a full Redis deletes threads; undefined if it may not be asked.
 * @param key any key of the shard to ask: the shards rarely differ
 * @returns the policy to warn of
 */
async function evictionOf(connection: RedisConnection, key: string): Promise<LogEvictionError | undefined> {
  const info = await connection.call(key, ['INFO', 'memory']).then(String, () => '');
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? [];
  const [, maxmemory] = /^maxmemory:(\d+)/m.exec(info) ?? [];
  return policy === undefined || policy === SAFE || maxmemory === '0' ? undefined : new LogEvictionError({ policy });
}

/** Warns once in the life of a log if a full Redis would delete threads. */
export class EvictionWarning {
  #isOver = false;

  /** Never rejects. @param key any key of the shard to ask */
  async check(connection: RedisConnection, key: string): Promise<void> {
    if (this.#isOver) return;
    const warning = await evictionOf(connection, key);
    if (warning === undefined || this.#isOver) return;
    this.#isOver = true;
    process.emitWarning(warning);
  }

  /** The log is closed: no warning from now on. */
  close(): void {
    this.#isOver = true;
  }
}
