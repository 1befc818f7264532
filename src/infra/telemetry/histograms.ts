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

/** Those of `gen_ai.client.operation.duration` in the semantic conventions for generative AI. */
const ANSWER_DURATIONS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/** Histograms recorded once for each answer of `threadcast/ai`. */
export const CHAT_HISTOGRAMS = {
  firstChunk: {
    name: 'threadcast.chat.time_to_first_chunk',
    unit: 's',
    description: 'From the call of run to the first chunk of its source',
    boundaries: ANSWER_DURATIONS,
  },
  duration: {
    name: 'threadcast.chat.duration',
    unit: 's',
    description: 'From the request to the end of its answer, by outcome',
    boundaries: ANSWER_DURATIONS,
  },
  chunks: {
    name: 'threadcast.chat.chunks',
    unit: '{chunk}',
    description: 'Chunks of an answer',
    boundaries: [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000],
  },
  foldedRatio: {
    name: 'threadcast.chat.folded_ratio',
    unit: '1',
    description: 'Chunks that the server kept of an answer, folded, by chunks of it',
    boundaries: [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1],
  },
  viewers: {
    name: 'threadcast.chat.viewers',
    unit: '{viewer}',
    description: 'Most members of the chat in this process at the same time, while its answer was made',
    boundaries: [0, 1, 2, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000],
  },
} satisfies Record<string, HistogramDefinition>;
