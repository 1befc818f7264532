export interface HistogramDefinition {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Upper bounds of the buckets, in the unit. */
  readonly boundaries: number[];
}

/** 0.1 s is a boundary, because a p95 above it is alarming: there a quantile is exact. */
const DURATIONS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Histograms recorded once for each send. */
export const HISTOGRAMS = {
  serialization: {
    name: 'threadcast.serialization.duration',
    unit: 's',
    description: 'From the call of send to the bytes, by strategy; the wait in a queue included',
    boundaries: DURATIONS,
  },
  queueWait: {
    name: 'threadcast.serialization.queue_wait',
    unit: 's',
    description: 'Of the serialization, the wait for a worker, or while other serializations had their turn',
    boundaries: DURATIONS,
  },
  fanoutSize: {
    name: 'threadcast.fanout.size',
    unit: '{connection}',
    description: 'Connections that a message was offered to',
    boundaries: [0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000],
  },
  fanoutDuration: {
    name: 'threadcast.fanout.duration',
    unit: 's',
    description: 'From the log to the last connection that a message was offered to',
    boundaries: DURATIONS,
  },
} satisfies Record<string, HistogramDefinition>;
