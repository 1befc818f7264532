import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Metrics } from '../../infra/telemetry/metrics.ts';
import type { Telemetry } from '../../infra/telemetry/spans.ts';
import type { connectionMachine, threadMachine } from '../../machines/index.ts';
import type { JoinPacer } from '../connection/join-pacer.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { Counters } from './counters.ts';
import type { HubSettings } from './resolve-options.ts';
import type { WriteBatch } from '../delivery/write-batch.ts';
import type { JoinedFrames } from '../delivery/joined-frames.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { FlushTimer } from '../streams/flush-timer.ts';
import type { ThreadActor } from '../thread/thread.ts';
import type { SliceScheduler } from '../support/slice-scheduler.ts';
import type { Clock } from '../../api/clock.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { Connection } from '../../api/connection.ts';
import type { ThreadStats } from '../../api/thread.ts';

/** What the hub's actors share: its settings and singletons, and the few words they may say to it. */
export interface Engine {
  readonly settings: HubSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
  readonly serializer: SerializerActor;
  readonly turns: SliceScheduler;
  readonly runs: JoinedFrames;
  readonly flight: WriteBatch;
  readonly ticker: FlushTimer;
  readonly joins: JoinPacer;
  readonly counters: Counters;
  /** False once the hub drains or has been closed. */
  readonly isRunning: boolean;
  /** What the log said last: it can be reached. */
  readonly isLogUp: boolean;
  /** The machines with this hub's effects: provided once, because providing costs as much as building a machine. */
  readonly machines: { readonly connection: typeof connectionMachine; readonly thread: typeof threadMachine };
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
  /** The thread, opened if need be. */
  openThread(threadId: string): MaybePromise<ThreadActor>;
  forgetThread(thread: ThreadActor): void;
  membersOf(threadId: string): readonly Connection[];
  statsOf(threadId: string): ThreadStats;
  /** Resolves when the thread takes more sends without piling them up. */
  whenReady(threadId: string): Promise<void>;
  /** @throws HubClosedError */
  assertRunning(action: string): void;
  /** It is evicted. Its socket may still be closing: see `forgetLink`. */
  forgetConnection(connection: ConnectionActor, end: { code: number; reason: string }): void;
  /** Its socket is gone. */
  forgetLink(connection: ConnectionActor): void;
  /** Calls at each sweep, and when the hub closes, until the answer is true. */
  lookAtEachSweep(look: () => boolean): void;
  /** An error that is nobody's to catch: becomes an `error` event. */
  readonly report: (error: unknown) => void;
}
