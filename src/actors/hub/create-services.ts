import type { AnyActorRef } from 'xstate';
import { HubClosedError } from '../../infra/errors.ts';
import { Metrics } from '../../infra/telemetry/metrics.ts';
import { deferringClock } from '../../infra/time/deferring-clock.ts';
import { Telemetry } from '../../infra/telemetry/spans.ts';
import { InputBudgets } from '../connection/input-budgets.ts';
import { Intake } from '../connection/intake.ts';
import { SharedSlots } from '../connection/request-lanes.ts';
import { UnfinishedInput } from '../connection/unfinished-input.ts';
import { makeCounters } from '../support/counters.ts';
import { provideConnection, provideThread } from './machine-effects.ts';
import type { HubServices } from './hub-services.ts';
import { WriteBatch } from '../delivery/write-batch.ts';
import type { HubNews } from './hub-events.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import { makeObserver } from '../support/machine-inspection.ts';
import type { HubSettings } from '../support/settings.ts';
import { JoinedFrames } from '../delivery/joined-frames.ts';
import { SerializerActor } from '../serializer/serializer.ts';
import { FlushTimer } from '../streams/flush-timer.ts';
import type { ThreadRegistry } from './thread-registry.ts';
import { SliceScheduler } from '../support/slice-scheduler.ts';

/** Requests of clients that may have the application at work at the same moment, besides one of each connection. */
const REQUESTS_AT_ONCE = 1_024;

const CLOSED_THREAD = { state: 'closed', members: 0, behind: 0, lag: 0, head: 0 };

/** What `createServices` needs of the hub. */
export interface ServiceParts {
  readonly settings: HubSettings;
  readonly connections: ConnectionRegistry;
  readonly threads: ThreadRegistry;
  readonly news: HubNews;
  readonly looks: Set<() => boolean>;
  /** The hub's. */
  readonly state: () => string;
  readonly isLogUp: () => boolean;
}

/** What all actors of a hub share. */
export function createServices({ settings, connections, threads, news, looks, ...hub }: ServiceParts): HubServices {
  const { clock, newId, tracer, meter, maxSendSpans, inspectors, sliceMs, streams } = settings;
  const { report } = news;
  const telemetry = new Telemetry(maxSendSpans, report, tracer);
  const metrics = new Metrics(report, meter);
  const counters = makeCounters();
  const joinedFrames = new JoinedFrames();
  const inspect = makeObserver(
    inspectors,
    (transition) => {
      telemetry.transition(transition);
      news.emit('transition', transition);
    },
    report,
  );
  const actorOptions = { clock: deferringClock(clock), inspect, logger: () => {} };
  const launch = (actor: AnyActorRef): void => {
    actor.subscribe({ error: report });
    actor.start();
  };
  const now = (): number => clock.now();
  const scheduler = new SliceScheduler(clock, sliceMs, report, () => joinedFrames.clear());
  return {
    settings,
    clock,
    telemetry,
    metrics,
    serializer: new SerializerActor({ settings, telemetry, metrics, actorOptions, launch, report, scheduler }),
    scheduler,
    intake: new Intake(clock, scheduler, sliceMs),
    budgets: new InputBudgets(settings.input.rates, now),
    unfinished: new UnfinishedInput(settings.input.maxUnfinishedBytes),
    requestSlots: new SharedSlots(REQUESTS_AT_ONCE),
    joinedFrames,
    batch: new WriteBatch(),
    ticker: new FlushTimer(clock, streams.windowMs),
    counters,
    get isRunning() {
      return hub.state() === 'running';
    },
    get isLogUp() {
      return hub.isLogUp();
    },
    machines: {
      connection: provideConnection((id) => connections.get(id), counters),
      thread: provideThread((id) => threads.get(id)),
    },
    actorOptions,
    now,
    newId,
    isInspected: inspectors.length > 0,
    launch,
    openThread: (threadId) => threads.open(threadId),
    forgetThread: (threadId) => threads.forget(threadId),
    forgetConnection: (connectionId, end) => {
      const connection = connections.leave(connectionId);
      if (connection !== undefined) news.emit('evicted', { connection, ...end });
    },
    forgetLink: (connectionId) => connections.forget(connectionId),
    membersOf: (threadId) =>
      [...(threads.get(threadId)?.members ?? [])].flatMap(({ subscriber }) => connections.get(subscriber.id) ?? []),
    statsOf: (threadId) => threads.get(threadId)?.stats ?? CLOSED_THREAD,
    whenReady: (threadId) => threads.whenReady(threadId),
    assertRunning: (action) => {
      const state = hub.state();
      if (state !== 'running') throw new HubClosedError({ state, action });
    },
    lookAtEachSweep: (look) => void looks.add(look),
    report,
  };
}
