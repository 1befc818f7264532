import type { HubState, HubStats } from '../../api/hub.ts';
import type { UnfinishedInput } from '../connection/unfinished-input.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { HubContext } from '../support/context.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** Fan-out without a break for this long counts as full pressure. */
const FULL_LAG_MS = 100;

/** The sources of statistics and metrics. */
export interface Sources {
  readonly context: Pick<HubContext, 'settings' | 'counters' | 'scheduler'>;
  readonly connections: Pick<ConnectionRegistry, 'present' | 'size' | 'bytesOfGone'>;
  readonly threads: Pick<ThreadRegistry, 'size' | 'streams'>;
  readonly serializer: Pick<SerializerActor, 'state' | 'inFlight' | 'workers' | 'segmentsInUse'>;
  readonly unfinished: Pick<UnfinishedInput, 'bytes'>;
}

/** How busy a hub is, from 0 to 1. */
export function pressureOf({ serializer, context }: Pick<Sources, 'serializer' | 'context'>): number {
  const { settings, scheduler } = context;
  return Math.min(1, Math.max(serializer.inFlight / settings.serializer.maxQueue, scheduler.lagMs / FULL_LAG_MS));
}

/** One look at each connection. */
export function statsOf({ context, connections, threads, serializer, unfinished }: Sources, state: HubState): HubStats {
  const states = { open: 0, retrying: 0, tripped: 0, evicted: 0 };
  for (const connection of connections.present) states[connection.state]++;
  const { open, retrying, tripped } = states;
  return {
    ...context.counters,
    state,
    serializer: serializer.state,
    connections: { open, retrying, tripped, total: connections.size },
    threads: threads.size,
    streams: threads.streams,
    serializing: serializer.inFlight,
    segmentsInUse: serializer.segmentsInUse,
    unfinishedBytes: unfinished.bytes,
    logBytes: context.settings.log.heldBytes ?? 0,
    longestSliceMs: context.scheduler.longestSliceMs,
  };
}
