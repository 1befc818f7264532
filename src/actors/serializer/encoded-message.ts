import type { Body } from '../../api/body.ts';
import type { Strategy } from '../../api/receipt.ts';
import { UnserializableMessageError } from '../../infra/errors.ts';
import type { EncodeResult } from '../../infra/serialization/slicer/slicer.ts';
import type { SpanAttributes, WorkerFacts } from '../../infra/telemetry/spans.ts';
import type { WindowBits } from '../../api/socket.ts';

/** A serialized message. Its owner holds one reference to the body. */
export interface Encoded {
  readonly body: Body;
  /** The compressed body for each window size that was asked for, if compression makes it smaller. */
  readonly deflated?: ReadonlyMap<WindowBits, Body>;
  readonly strategy: Strategy;
  /** Number of slices of work on this thread. */
  readonly slices: number;
  readonly longestSliceMs: number;
  /** Time spent waiting for a worker, or for slices while other messages had theirs. */
  readonly queueWaitMs: number;
  /** Set for a recipe. */
  readonly worker?: WorkerFacts;
}

export function resultOf(message: unknown, strategy: Strategy, { body, stats }: EncodeResult): Encoded {
  if (body === undefined) throw noJson(message);
  const { slices, longestSliceMs, queueWaitMs } = stats;
  return { body, strategy, slices, longestSliceMs, queueWaitMs };
}

export function noJson(message: unknown): UnserializableMessageError {
  return new UnserializableMessageError({ reason: `${typeof message} is no JSON value` });
}

export function encodingAttributes({ strategy, body, slices, longestSliceMs, queueWaitMs }: Encoded): SpanAttributes {
  return {
    'threadcast.strategy': strategy,
    'threadcast.bytes': body.bytes,
    'threadcast.slices': slices,
    'threadcast.longest_slice_ms': longestSliceMs,
    'threadcast.queue_wait_ms': queueWaitMs,
  };
}
