import type { HubState, HubStats, SenderStats } from '../../api/hub.ts';
import type { SenderChoice } from '../../infra/native/shared-sender.ts';
import type { UnfinishedInput } from '../connection/unfinished-input.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { HubContext } from '../support/context.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** Fan-out without a break for this long counts as full pressure. */
const FULL_LAG_MS = 100;

/** The sources of statistics and metrics. */
export interface Sources {
  readonly context: Pick<HubContext, 'settings' | 'counters' | 'scheduler' | 'sender'>;
  readonly connections: Pick<ConnectionRegistry, 'present' | 'size' | 'bytesOfGone'>;
  readonly threads: Pick<ThreadRegistry, 'size'>;
  readonly serializer: Pick<SerializerActor, 'state' | 'inFlight' | 'workers' | 'segmentsInUse'>;
  readonly unfinished: Pick<UnfinishedInput, 'bytes'>;
}

/** How busy a hub is, from 0 to 1. */
export function pressureOf({ serializer, context }: Pick<Sources, 'serializer' | 'context'>): number {
  const { settings, scheduler, sender } = context;
  const lagMs = Math.max(scheduler.lagMs, sender.sender?.lagMs ?? 0);
  return Math.min(1, Math.max(serializer.inFlight / settings.serializer.maxQueue, lagMs / FULL_LAG_MS));
}

/** One look at each connection: 0.4 ms for 10,000 of them. */
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
    serializing: serializer.inFlight,
    segmentsInUse: serializer.segmentsInUse,
    unfinishedBytes: unfinished.bytes,
    answersHeld: context.settings.log.answers?.held?.count ?? 0,
    logBytes: context.settings.log.heldBytes ?? 0,
    longestSliceMs: context.scheduler.longestSliceMs,
    ...senderStats(context.sender),
  };
}

function senderStats({ sender, reason }: SenderChoice): SenderStats {
  return {
    sender: sender === undefined ? 'inline' : 'native',
    senderReason: reason,
    nativeWrites: sender?.counts.flown ?? 0,
    nativeConnections: sender?.reserve.held ?? 0,
  };
}
