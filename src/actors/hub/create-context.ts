import type { AnyActorRef } from 'xstate';
import type { MachineName, Transition } from '../../api/events.ts';
import { acquireSender } from '../../infra/native/shared-sender.ts';
import { Metrics } from '../../infra/telemetry/metrics.ts';
import { Telemetry } from '../../infra/telemetry/spans.ts';
import { deferringClock } from '../../infra/time/deferring-clock.ts';
import type { HubContext, HubStatus } from '../support/context.ts';
import { makeCounters } from '../support/counters.ts';
import { makeObserver } from '../support/machine-inspection.ts';
import type { HubSettings } from '../support/settings.ts';
import { SliceScheduler } from '../support/slice-scheduler.ts';
import type { HubNews } from './hub-events.ts';

const MACHINES = ['hub', 'connection', 'thread', 'serializer'] as const satisfies readonly MachineName[];

/** The parts of a hub's context. */
interface ContextParts {
  readonly settings: HubSettings;
  readonly news: HubNews;
  readonly status: HubStatus;
  /** Called at each sweep, until they return true. */
  readonly looks: Set<() => boolean>;
  /** Called when no task is left to do in this turn of the event loop. */
  readonly onIdle: () => void;
}

/** Creates what all actors of a hub share. It knows none of them. */
export function createContext({ settings, news, status, looks, onIdle }: ContextParts): HubContext {
  const { clock, newId, tracer, meter, maxSendSpans, inspectors, sliceMs } = settings;
  const { report } = news;
  const telemetry = new Telemetry(maxSendSpans, report, tracer);
  const onTransition = (transition: Transition): void => {
    telemetry.transition(transition);
    news.emit('transition', transition);
  };
  const inspect = makeObserver(MACHINES, inspectors, onTransition, report);
  return {
    settings,
    clock,
    telemetry,
    metrics: new Metrics(report, meter),
    scheduler: new SliceScheduler(clock, sliceMs, report, onIdle),
    counters: makeCounters(),
    sender: acquireSender(settings.nativeSender),
    status,
    actorOptions: { clock: deferringClock(clock), inspect, logger: () => {} },
    now: () => clock.now(),
    newId,
    isInspected: inspectors.length > 0,
    onTransition,
    launch: (actor: AnyActorRef): void => {
      actor.subscribe({ error: report });
      actor.start();
    },
    lookAtEachSweep: (look) => void looks.add(look),
    report,
  };
}
