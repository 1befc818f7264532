import type { Presence } from './presence.ts';
import type { RedisSession } from './session.ts';
import type { RedisThread } from './thread.ts';
import type { RedisValues } from './values.ts';

/** Threads of a shard that are compared at the same time after a reconnect. */
const ANCHORS_AT_ONCE = 128;

/** Subscribes all held threads on new connections, and compares them with Redis. Stops if there are newer connections. Never rejects. */
export async function reanchor(
  held: ReadonlyMap<string, RedisThread>,
  { connection, servers }: RedisSession,
  presence: Presence,
  values: RedisValues,
  isLatest: () => boolean,
): Promise<void> {
  const threads = [...held.values()];
  // at once: what comes from another server may follow what the tails hold by its number alone
  for (const thread of threads) thread.doubt();
  const keyOf = (thread: RedisThread): string => thread.source.keys.log;
  const anchorSome = async (left: Iterable<RedisThread>): Promise<void> => {
    for (const { tail, threadId } of left) {
      if (!isLatest()) return;
      // threads of a shard that is down must not keep the others waiting
      await tail?.tryCatchUp();
      presence.renew(threadId);
      values.missed(threadId);
    }
  };
  const anchorShard = async (ofShard: readonly RedisThread[]): Promise<void> => {
    const [first] = ofShard;
    if (first !== undefined) await servers?.ask(keyOf(first));
    if (!isLatest()) return;
    for (const thread of ofShard) thread.meet();
    const left = ofShard.values();
    await Promise.all(Array.from({ length: ANCHORS_AT_ONCE }, () => anchorSome(left)));
  };
  // for threads that are opened from now on
  void servers?.askOne();
  const shards = Map.groupBy(threads, (thread) => connection?.shardOf(keyOf(thread)));
  await Promise.all([...shards.values()].map(anchorShard));
  await Promise.all(threads.flatMap(({ tail }) => tail?.asking ?? []));
}
