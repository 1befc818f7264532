import { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import { asError } from './errors.ts';

export type { Tracer };
export type SpanAttributes = Attributes;

/** The OpenTelemetry context under which a message is published. */
export type SpanParent = Context;

/** The caller's context: read once, in the publisher's own call. */
export const activeContext = (): SpanParent => context.active();

/** A recorded publish span: the parent of the message's other spans, and what later deliveries link to. */
export interface TraceContext {
  readonly context: Context;
  readonly spanContext: SpanContext;
}

/** The message of a delivery. */
export interface SentMessage {
  readonly threadId: string;
  readonly id: string;
  readonly offset: number;
  /** Its fan-out is over: this is a catch-up or a resume, in a trace of its own with a link. */
  readonly isOffered: boolean;
}

/** What one delivery was. */
export interface SendFacts {
  readonly connectionId: string;
  readonly bytes: number;
  /** `written`: handed to the socket; `dropped`: a volatile message that found the connection busy. */
  readonly outcome: 'written' | 'dropped';
}

/** A state change of any machine. */
export interface TransitionFacts {
  readonly machine: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** A span that is under way. `end` with an error marks it failed. */
export interface OpenSpan {
  /** Set only while the span is recorded: nobody pays for children of a span that is dropped. */
  readonly trace: TraceContext | undefined;
  end(attributes: Attributes, error?: unknown): void;
}

/**
 * Spans through `@opentelemetry/api`, with explicit contexts: AsyncLocalStorage costs more than the send itself. Without an SDK
 * every call here is a no-op. The head sampling decision falls once, in `publish`.
 */
export class Telemetry {
  readonly #tracer: Tracer;

  constructor(tracer: Tracer = trace.getTracer('threadcast')) {
    this.#tracer = tracer;
  }

  publish(threadId: string, lane: string, parent: SpanParent): OpenSpan {
    const span = this.#tracer.startSpan(
      'publish thread',
      { kind: SpanKind.PRODUCER, attributes: { 'threadcast.thread.id': threadId, 'threadcast.lane': lane } },
      parent,
    );
    return openSpan(span, parent);
  }

  serialize(parent: TraceContext | undefined): OpenSpan {
    if (parent === undefined) return unrecorded;
    return openSpan(this.#tracer.startSpan('serialize', { kind: SpanKind.INTERNAL }, parent.context), parent.context);
  }

  /** One delivery; call it only for an entry that carries a trace. */
  send(parent: TraceContext, message: SentMessage, facts: SendFacts): void {
    const attributes = {
      'threadcast.thread.id': message.threadId,
      'threadcast.message.id': message.id,
      'threadcast.message.offset': message.offset,
      'threadcast.connection.id': facts.connectionId,
      'threadcast.bytes': facts.bytes,
      'threadcast.outcome': facts.outcome,
    };
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = message.isOffered
      ? this.#tracer.startSpan(
          'send connection',
          { ...options, links: [{ context: parent.spanContext }] },
          ROOT_CONTEXT,
        )
      : this.#tracer.startSpan('send connection', options, parent.context);
    span.end();
  }

  transition(facts: TransitionFacts): void {
    const span = this.#tracer.startSpan(
      `transition ${facts.machine}`,
      {
        kind: SpanKind.INTERNAL,
        attributes: {
          'threadcast.machine.id': facts.id,
          'threadcast.state.from': facts.from,
          'threadcast.state.to': facts.to,
          'threadcast.event': facts.event,
        },
      },
      ROOT_CONTEXT,
    );
    span.end();
  }
}

const unrecorded: OpenSpan = { trace: undefined, end: () => {} };

function openSpan(span: Span, parent: Context): OpenSpan {
  if (!span.isRecording()) return unrecorded;
  return {
    trace: { context: trace.setSpan(parent, span), spanContext: span.spanContext() },
    end(attributes, error) {
      span.setAttributes(attributes);
      if (error !== undefined) {
        const thrown = asError(error);
        span.recordException(thrown);
        span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
      }
      span.end();
    },
  };
}
