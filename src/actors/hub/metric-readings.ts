import type { Readings } from '../../infra/telemetry/metrics.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import { pressureOf, type Sources } from './stats.ts';

/** The numbers that only the hub knows. */
interface HubReadings {
  readonly loopLateMs: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly refusals: ReadonlyMap<string, number>;
  readonly isLogUp: boolean;
}

/** Collects the counters when an exporter asks: one look at each connection. */
export function readMetrics(sources: Sources, hub: HubReadings): Readings {
  const { context, connections, threads, serializer } = sources;
  const { queued, running, threads: workers } = serializer.workers;
  return {
    ...context.counters,
    ...census(connections.present, connections.bytesOfGone),
    answersHeld: context.settings.log.answers?.held?.count ?? 0,
    answerBytes: context.settings.log.answers?.held?.bytes ?? 0,
    threads: threads.size,
    serializing: serializer.inFlight,
    segmentsInUse: serializer.segmentsInUse,
    workersRunning: running,
    workersIdle: Math.max(0, workers - running),
    recipesQueued: queued,
    loopBlockMs: context.scheduler.recentSliceMs,
    loopLateMs: hub.loopLateMs,
    errors: hub.errors,
    refusals: hub.refusals,
    logsLost: hub.isLogUp ? 0 : 1,
    pressure: pressureOf(sources),
    flightsInAir: context.sender.sender?.inAir ?? 0,
    senderLagMs: context.sender.sender?.lagMs ?? 0,
  };
}

type Census = Pick<
  Readings,
  'connections' | 'subscriptions' | 'subscriptionsBehind' | 'behindEntries' | 'behindMs' | 'sentBytes'
>;

function census(all: Iterable<ConnectionActor>, bytesOfGone: number): Census {
  const connections = { open: 0, retrying: 0, tripped: 0, evicted: 0 };
  let [subscriptions, subscriptionsBehind, behindEntries, behindMs, sentBytes] = [0, 0, 0, 0, bytesOfGone];
  for (const connection of all) {
    connections[connection.state]++;
    subscriptions += connection.delivery.subscriptions.size;
    sentBytes += connection.line.writer.bytes;
    for (const subscription of connection.delivery.subscriptions.subscriptionsBehind) {
      subscriptionsBehind++;
      behindEntries = Math.max(behindEntries, subscription.lag);
      behindMs = Math.max(behindMs, subscription.lagMs);
    }
  }
  return { connections, subscriptions, subscriptionsBehind, behindEntries, behindMs, sentBytes };
}
