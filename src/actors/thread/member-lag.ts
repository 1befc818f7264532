import type { ThreadStats } from '../../api/thread.ts';
import type { Subscription } from '../delivery/subscription.ts';

/** How many members are behind, and how far the last one is. */
export function lagOf(members: Iterable<Subscription>): Pick<ThreadStats, 'behind' | 'lag'> {
  let behind = 0;
  let lag = 0;
  for (const member of members) {
    if (!member.isBehind) continue;
    behind++;
    lag = Math.max(lag, member.lag);
  }
  return { behind, lag };
}
