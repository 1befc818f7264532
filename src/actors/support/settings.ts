import type { Clock } from '../../api/clock.ts';
import type { ValueOptions } from '../../api/values.ts';
import type { CompressionOptions, Inspector, StreamLimits, WhenFull } from '../../api/options.ts';
import type { HistorySource } from '../../api/history.ts';
import type { DeliveryLog } from '../../api/log.ts';
import type { WantedSender } from '../../infra/native/shared-sender.ts';
import type { Filled } from '../../infra/option-checks.ts';
import type { OpenWorkers } from '../../infra/serialization/workers/worker-port.ts';
import type { Meter } from '../../infra/telemetry/metrics.ts';
import type { Tracer } from '../../infra/telemetry/spans.ts';
import type { DeflateBody } from '../../infra/wire/deflate.ts';
import type { ThreadDefinitions } from './thread-definitions.ts';
import type { ConnectionPolicy } from '../../machines/index.ts';

/** Points a second that input may cost: of one connection, of one user, from one address, and in total. */
export interface InputRates {
  readonly perConnection: number;
  readonly perUser: number;
  readonly perAddress: number;
  readonly total: number;
}

/** `InputLimits` with defaults filled in. */
export interface InputSettings {
  /** The hub refuses larger frames. */
  readonly maxInputBytes: number;
  /** The hub closes the connection for larger frames. */
  readonly maxFrameBytes: number;
  readonly maxThreadsPerConnection: number;
  /** Open threads of the hub, when a client's join would open one more. */
  readonly maxThreads: number;
  /** Bytes of unfinished messages, over all connections. */
  readonly maxUnfinishedBytes: number;
  readonly rates: InputRates;
}

/** When the hub asks a client for a sign of life, and when it gives the client up. */
export interface LivenessPolicy {
  readonly sendTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** The options of a hub with every default filled in. */
export interface HubSettings {
  readonly policy: ConnectionPolicy;
  readonly liveness: LivenessPolicy;
  readonly sweepMs: number;
  readonly highWaterMarkBytes: number;
  readonly sliceMs: number;
  readonly maxMessageBytes: number;
  readonly input: InputSettings;
  readonly answerTimeoutMs: number;
  readonly compression: Filled<CompressionOptions>;
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly whenFull: WhenFull;
  readonly maxCriticalBehind: number;
  readonly idleConnectionMs: number;
  readonly readyLimit: number;
  readonly threadIdleMs: number;
  readonly settleTimeoutMs: number;
  readonly streams: Filled<StreamLimits>;
  readonly values: Filled<ValueOptions>;
  readonly serializer: {
    readonly timeoutMs: number;
    readonly maxQueue: number;
    readonly workers: number | undefined;
    readonly workerHeapMb: number | undefined;
  };
  readonly isDevelopment: boolean;
  readonly definitions: ThreadDefinitions;
  readonly nativeSender: WantedSender;
  readonly log: DeliveryLog;
  readonly history: HistorySource | undefined;
  readonly inspectors: readonly Inspector[];
  readonly tracer: Tracer | undefined;
  readonly meter: Meter | undefined;
  readonly maxSendSpans: number;
  readonly openWorkers: OpenWorkers;
  readonly deflate: DeflateBody;
  readonly clock: Clock;
  readonly newId: () => string;
}
