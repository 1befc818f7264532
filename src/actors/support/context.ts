import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Clock } from '../../api/clock.ts';
import type { Metrics } from '../../infra/telemetry/metrics.ts';
import type { Telemetry } from '../../infra/telemetry/spans.ts';
import type { HubSettings } from './settings.ts';
import type { Counters } from './counters.ts';
import type { SliceScheduler } from './slice-scheduler.ts';

/** What the actors of a hub may know of its state. */
export interface HubStatus {
  /** False once the hub drains or has been closed. */
  readonly isRunning: boolean;
  /** What the log said last: it can be reached. */
  readonly isLogUp: boolean;
  /** @throws HubClosedError */
  assertRunning(action: string): void;
}

/** What all actors of a hub share. It knows no actor: each room adds what its own actors need of others. */
export interface HubContext {
  readonly settings: HubSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
  readonly scheduler: SliceScheduler;
  readonly counters: Counters;
  readonly status: HubStatus;
  /** Shared by all root actors. */
  readonly actorOptions: {
    readonly clock: Clock;
    readonly inspect: (event: InspectionEvent) => void;
    readonly logger: (...parts: unknown[]) => void;
  };
  readonly now: () => number;
  readonly newId: () => string;
  /** Somebody watches the machines: then each connection's is there from its first moment. */
  readonly isInspected: boolean;
  /** Starts a root actor; what breaks in it is reported, never thrown into the event loop. */
  readonly launch: (actor: AnyActorRef) => void;
  /** Calls at each sweep, and when the hub closes, until the answer is true. */
  readonly lookAtEachSweep: (look: () => boolean) => void;
  /** An error that is nobody's to catch: becomes an `error` event. */
  readonly report: (error: unknown) => void;
}
