import type { DeliveryLog, MaybePromise } from '../../src/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

export interface LogLimits {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly maxAgeMs?: number;
  readonly retention?: Readonly<Record<string, { readonly maxEntries?: number; readonly maxAgeMs?: number }>>;
}

/** Makes a log that nobody else uses, with these limits; entries age by the clock. */
export type LogFactory = (limits: LogLimits & { readonly clock: VirtualClock }) => MaybePromise<DeliveryLog>;

/** Makes the log of two nodes, which share it with nobody else; each has its own clock. */
export type PairFactory = (
  clock: VirtualClock,
  otherClock: VirtualClock,
) => MaybePromise<readonly [DeliveryLog, DeliveryLog]>;
