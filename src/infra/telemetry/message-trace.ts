import { ROOT_CONTEXT, TraceFlags, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import type { MessageTrace, SpanBudget } from '../../api/entry.ts';

/** `version-traceid-spanid-flags` of W3C Trace Context, section 3.2. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The span that a `traceparent` names; undefined if it is invalid. */
export function parseTraceparent(value: unknown): SpanContext | undefined {
  const [, traceId, spanId, flags] = (typeof value === 'string' ? TRACEPARENT.exec(value) : undefined) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(spanContext) ? spanContext : undefined;
}

/**
 * A recorded message: the parent of its other spans, the target of later deliveries' links, and how many spans it may still have. It is
 * held as long as its entry is in the log, so it keeps the span's ids and not the span, which holds the caller's context.
 */
export class RecordedTrace implements MessageTrace {
  /** Of the publish span, possibly of another process. */
  readonly origin: SpanContext;
  /** Parent of the spans in this process. */
  readonly context: Context;
  /** Of the publish span, for the wire and for other processes. */
  readonly traceparent: string;
  /** Published by another process, and not taken over by a `process thread` span. */
  readonly isForeign: boolean;
  /** Deliveries of the fan-out for which no span was left. */
  omitted = 0;
  readonly #spans: Record<SpanBudget, number> = { written: 0, failed: 0, late: 0 };

  /** @param parent the span of this process that took it over, if that is not the publish span */
  constructor(origin: SpanContext, parent?: SpanContext) {
    this.origin = origin;
    this.context = trace.setSpanContext(ROOT_CONTEXT, parent ?? origin);
    this.traceparent = `00-${origin.traceId}-${origin.spanId}-01`;
    this.isForeign = origin.isRemote === true && parent === undefined;
  }

  /** The trace that a sampled `traceparent` names. */
  static from(traceparent: string | undefined): RecordedTrace | undefined {
    const origin = traceparent === undefined ? undefined : parseTraceparent(traceparent);
    return origin?.traceFlags === TraceFlags.SAMPLED ? new RecordedTrace(origin) : undefined;
  }

  /** Whether one more delivery of this kind may have a span, up to `limit`. */
  take(budget: SpanBudget, limit: number): boolean {
    if (this.#spans[budget] < limit) {
      this.#spans[budget]++;
      return true;
    }
    if (budget !== 'late') this.omitted++;
    return false;
  }
}
