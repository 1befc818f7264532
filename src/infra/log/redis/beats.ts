import type { NodesLink } from '../shared/living-nodes.ts';
import { decodeBeat } from './codec.ts';
import type { RedisLogSettings } from './options.ts';
import { BEAT } from './scripts.ts';
import type { RedisSession } from './session.ts';

/** What it needs of the session. */
interface BeatsSession extends Pick<RedisSession, 'run' | 'call'> {
  readonly connection: object | undefined;
}

/** The nodes report in one sorted set. */
export function redisBeats(session: BeatsSession, settings: RedisLogSettings): NodesLink {
  const { keys, nodeId, redisNow } = settings;
  return {
    get isUp() {
      return session.connection !== undefined;
    },
    beat: async (knownMs) => decodeBeat(await session.run(BEAT, [keys.nodes], [redisNow(), nodeId, String(knownMs)])),
    leave: () => void session.call(keys.nodes, ['ZREM', keys.nodes, nodeId]).catch(() => {}),
  };
}
