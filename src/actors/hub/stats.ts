import type { HubStats } from '../../api/hub.ts';
import type { Engine } from './context.ts';
import type { Household } from './household.ts';

/** Fan-out without a break for so long counts as full pressure. */
const FULL_LAG_MS = 100;

/** How busy a hub is, from 0 to 1. */
export function pressureOf({ serializer, turns, settings }: Engine): number {
  return Math.min(1, Math.max(serializer.underWay / settings.serializer.maxQueue, turns.lagMs / FULL_LAG_MS));
}

/** One look at each connection. */
export function statsOf({ engine, lobby, threads }: Household, state: string): HubStats {
  const states = { open: 0, retrying: 0, tripped: 0, evicted: 0 };
  for (const connection of lobby.present) states[connection.state]++;
  const { open, retrying, tripped } = states;
  return {
    ...engine.counters,
    state,
    serializer: engine.serializer.state,
    connections: { open, retrying, tripped, total: lobby.size },
    threads: threads.size,
    streams: threads.streams,
    serializing: engine.serializer.underWay,
    segmentsInUse: engine.serializer.segmentsInUse,
    unfinishedBytes: engine.unfinished.bytes,
    logBytes: engine.settings.log.heldBytes ?? 0,
    longestSliceMs: engine.turns.longestSliceMs,
  };
}
