import type { HubStats } from '../../api/hub.ts';
import type { HubServices } from './hub-services.ts';
import type { HubParts } from './hub-parts.ts';

/** Fan-out without a break for so long counts as full pressure. */
const FULL_LAG_MS = 100;

/** How busy a hub is, from 0 to 1. */
export function pressureOf({ serializer, scheduler, settings }: HubServices): number {
  return Math.min(1, Math.max(serializer.inFlight / settings.serializer.maxQueue, scheduler.lagMs / FULL_LAG_MS));
}

/** One look at each connection. */
export function statsOf({ services, connections, threads }: HubParts, state: string): HubStats {
  const states = { open: 0, retrying: 0, tripped: 0, evicted: 0 };
  for (const connection of connections.present) states[connection.state]++;
  const { open, retrying, tripped } = states;
  return {
    ...services.counters,
    state,
    serializer: services.serializer.state,
    connections: { open, retrying, tripped, total: connections.size },
    threads: threads.size,
    streams: threads.streams,
    serializing: services.serializer.inFlight,
    segmentsInUse: services.serializer.segmentsInUse,
    unfinishedBytes: services.unfinished.bytes,
    logBytes: services.settings.log.heldBytes ?? 0,
    longestSliceMs: services.scheduler.longestSliceMs,
  };
}
