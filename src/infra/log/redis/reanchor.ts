import type { Presence } from './presence.ts';
import type { RedisThread } from './thread.ts';
import type { RedisValues } from './values.ts';

/** Threads that are compared at the same time after a reconnect. */
const ANCHORS_AT_ONCE = 128;

/** Subscribes all held threads on new connections, and compares them with Redis. Stops if there are newer connections. Never rejects. */
export async function reanchor(
  held: ReadonlyMap<string, RedisThread>,
  presence: Presence,
  values: RedisValues,
  isLatest: () => boolean,
): Promise<void> {
  const threads = [...held.values()];
  const left = threads.values();
  const anchorSome = async (): Promise<void> => {
    for (const { tail, threadId } of left) {
      if (!isLatest()) return;
      // threads of a shard that is down must not keep the others waiting
      await tail?.tryCatchUp();
      presence.renew(threadId);
      values.missed(threadId);
    }
  };
  await Promise.all(Array.from({ length: ANCHORS_AT_ONCE }, anchorSome));
  await Promise.all(threads.flatMap(({ tail }) => tail?.asking ?? []));
}
