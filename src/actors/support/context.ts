import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Transition } from '../../api/events.ts';
import type { Clock } from '../../api/clock.ts';
import type { SenderChoice } from '../../infra/native/shared-sender.ts';
import type { Metrics } from '../../infra/telemetry/metrics.ts';
import type { Telemetry } from '../../infra/telemetry/spans.ts';
import type { HubSettings } from './settings.ts';
import type { Counters } from './counters.ts';
import type { SliceScheduler } from './slice-scheduler.ts';

/** The part of the state of the hub that its actors may read. */
export interface HubStatus {
  /** False once the hub drains or is closed. */
  readonly isRunning: boolean;
  /** Whether the log was reachable at its last report. */
  readonly isLogUp: boolean;
  /** @throws HubClosedError */
  assertRunning(action: string): void;
}

/** What all actors of a hub share. It knows no actor: each room adds what its own actors need from others. */
export interface HubContext {
  readonly settings: HubSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
  readonly scheduler: SliceScheduler;
  readonly counters: Counters;
  /** Sends frames that many connections get. */
  readonly sender: SenderChoice;
  readonly status: HubStatus;
  /** Shared by all root actors. */
  readonly actorOptions: {
    readonly clock: Clock;
    readonly inspect: (event: InspectionEvent) => void;
    readonly logger: (...parts: unknown[]) => void;
  };
  readonly now: () => number;
  readonly newId: () => string;
  /** An inspector is attached: the machines of connections and threads then have an actor from the start. */
  readonly isInspected: boolean;
  /** A machine without an actor has changed its state. Actors report theirs to `inspect`. */
  readonly onTransition: (transition: Transition) => void;
  /** Starts a root actor. Its errors are reported, never thrown into the event loop. */
  readonly launch: (actor: AnyActorRef) => void;
  /** Calls `look` at each sweep, and when the hub closes, until it returns true. */
  readonly lookAtEachSweep: (look: () => boolean) => void;
  /** Reports an error that no caller can catch: it becomes an `error` event. */
  readonly report: (error: unknown) => void;
}
