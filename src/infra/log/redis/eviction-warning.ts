import { LogEvictionError } from '../../errors.ts';
import type { RedisConnection } from './connections.ts';

/** The policy with which a full Redis refuses commands, instead of throwing keys away. */
const SAFE = 'noeviction';

/**
 * Looks whether Redis throws threads away when it is full; nothing where it is not allowed to say so.
 * @param key of the shard that is asked: they are rarely different
 * @returns what to warn of
 */
export async function evictionOf(connection: RedisConnection, key: string): Promise<LogEvictionError | undefined> {
  const info = await connection.call(key, ['INFO', 'memory']).then(String, () => '');
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? [];
  const [, maxmemory] = /^maxmemory:(\d+)/m.exec(info) ?? [];
  return policy === undefined || policy === SAFE || maxmemory === '0' ? undefined : new LogEvictionError({ policy });
}
