import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api';
import type { Attributes, Context, Link, Span, Tracer } from '@opentelemetry/api';
import { asError } from './errors.ts';
import { MessageTrace, parseTraceparent } from './message-trace.ts';

export type { Tracer };
export type SpanAttributes = Attributes;

/** The OpenTelemetry context under which a message is published. */
export type SpanParent = Context;

/** The caller's context: read once, in the publisher's own call. */
export const activeContext = (): SpanParent => context.active();

/** What is published. */
export interface PublishFacts {
  readonly threadId: string;
  readonly lane: string;
  readonly parent: SpanParent;
  /** A `traceparent` of what led to it, as a client sent it: becomes a link, so that it cannot force sampling. */
  readonly link: string | undefined;
}

/** The message of a delivery. */
export interface SentMessage {
  readonly threadId: string;
  readonly id: string;
  readonly offset: number;
  /** Its fan-out is over: this is a catch-up or a resume, in a trace of its own with a link. */
  readonly isOffered: boolean;
}

/**
 * What became of a delivery. `written`: handed to the socket. `behind`: the socket takes nothing now, a later span tells how it went
 * on. `dropped`: a volatile message that found the connection busy. `timed_out`: the first attempt and all retries timed out, the
 * message waits in the log. `evicted`: the connection ended before its turn.
 */
export type SendOutcome = 'written' | 'behind' | 'dropped' | 'timed_out' | 'evicted';

/** What one delivery was. */
export interface SendFacts {
  readonly connectionId: string;
  readonly bytes: number;
  /** 1, and one more for each retry of admission that the message waited for. */
  readonly attempt: number;
  readonly outcome: SendOutcome;
}

/** A state change of any machine. */
export interface TransitionFacts {
  readonly machine: string;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** What a worker thread did, in milliseconds. */
export interface WorkerFacts {
  /** From the start of the serialization to the worker's. */
  readonly waitMs: number;
  readonly tookMs: number;
  readonly buildMs: number;
  readonly stringifyMs: number;
}

/** A span that is under way. `end` with an error marks it failed. */
export interface OpenSpan {
  /** Set only while the span is recorded: nobody pays for children of a span that is dropped. */
  readonly trace: MessageTrace | undefined;
  end(attributes: Attributes, error?: unknown): void;
}

/** The serialization of one message. */
export interface SerializeSpan {
  /** The worker's part is known only when it is over: it becomes a child afterwards. */
  end(attributes: Attributes, worker?: WorkerFacts): void;
  fail(error: unknown): void;
}

/**
 * Spans through `@opentelemetry/api`, with explicit contexts: AsyncLocalStorage costs more than the send itself. Without an SDK
 * every call here is a no-op. The head sampling decision falls once, in `publish`.
 */
export class Telemetry {
  readonly #tracer: Tracer;
  readonly #maxSpans: number;
  /** What the transitions that happen now are the consequence of. */
  #cause: MessageTrace | undefined;
  /** By connection: the last recorded message that was for it. */
  readonly #lastMessages = new Map<string, MessageTrace>();

  /** @param maxSpans of one message for deliveries that went well, and as many for those that did not, and for later ones */
  constructor(maxSpans: number, tracer: Tracer = trace.getTracer('threadcast')) {
    this.#maxSpans = maxSpans;
    this.#tracer = tracer;
  }

  publish({ threadId, lane, parent, link }: PublishFacts): OpenSpan {
    const attributes = { 'threadcast.thread.id': threadId, 'threadcast.lane': lane };
    const origin = link === undefined ? undefined : parseTraceparent(link);
    const options = { kind: SpanKind.PRODUCER, attributes, links: origin === undefined ? [] : [{ context: origin }] };
    return this.#open(this.#tracer.startSpan('publish thread', options, parent));
  }

  /** An entry that another process has published: goes on with its trace, so that one message stays one trace. */
  process(message: SentMessage, publisher: MessageTrace): OpenSpan {
    const attributes = {
      'threadcast.thread.id': message.threadId,
      'threadcast.message.id': message.id,
      'threadcast.message.offset': message.offset,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, links: [{ context: publisher.origin }] };
    return this.#open(this.#tracer.startSpan('process thread', options, publisher.context), publisher);
  }

  serialize(parent: MessageTrace | undefined): SerializeSpan {
    if (parent === undefined) return unrecordedSerialization;
    const span = this.#tracer.startSpan('serialize', { kind: SpanKind.INTERNAL }, parent.context);
    const beginAt = Date.now();
    return {
      end: (attributes, worker) => {
        if (worker !== undefined) this.#worked(trace.setSpan(parent.context, span), beginAt, worker);
        span.setAttributes(attributes);
        span.end();
      },
      fail: (error) => endFailed(span, error),
    };
  }

  /** One delivery; call it only for an entry that carries a trace. */
  send(message: SentMessage, trace: MessageTrace, facts: SendFacts): void {
    const { connectionId, outcome } = facts;
    this.#lastMessages.set(connectionId, trace);
    const isLate = message.isOffered || trace.isForeign;
    const budget = isLate ? 'late' : outcome === 'written' ? 'written' : 'failed';
    if (!trace.take(budget, this.#maxSpans)) return;
    const attributes = {
      'threadcast.thread.id': message.threadId,
      'threadcast.message.id': message.id,
      'threadcast.message.offset': message.offset,
      'threadcast.connection.id': connectionId,
      'threadcast.bytes': facts.bytes,
      'threadcast.attempt': facts.attempt,
      'threadcast.outcome': outcome,
    };
    const kind = SpanKind.CLIENT;
    const span = isLate
      ? this.#tracer.startSpan('send connection', { kind, attributes, links: linkTo(trace) }, ROOT_CONTEXT)
      : this.#tracer.startSpan('send connection', { kind, attributes }, trace.context);
    if (outcome === 'timed_out') span.setStatus({ code: SpanStatusCode.ERROR, message: 'all attempts timed out' });
    span.end();
  }

  transition({ machine, id, from, to, event }: TransitionFacts): void {
    const attributes = {
      'threadcast.machine.id': id,
      'threadcast.state.from': from,
      'threadcast.state.to': to,
      'threadcast.event': event,
    };
    const options = { kind: SpanKind.INTERNAL, attributes, links: this.#linksOf(machine, id, to) };
    this.#tracer.startSpan(`transition ${machine}`, options, this.#cause?.context ?? ROOT_CONTEXT).end();
  }

  /** The transitions that `act` leads to at once belong to the message's trace. */
  causing(message: MessageTrace | undefined, act: () => void): void {
    this.#cause = message;
    try {
      act();
    } finally {
      this.#cause = undefined;
    }
  }

  /** A connection's transition links to the last recorded message that was for it: a stall, to what it may have stalled over. */
  #linksOf(machine: string, id: string, to: string): Link[] {
    if (machine !== 'connection' || this.#lastMessages.size === 0) return [];
    const connectionId = id.slice(machine.length + 1);
    const last = this.#lastMessages.get(connectionId);
    if (to === 'evicted') this.#lastMessages.delete(connectionId);
    return last === undefined ? [] : linkTo(last);
  }

  #worked(parent: Context, beginAt: number, { waitMs, tookMs, buildMs, stringifyMs }: WorkerFacts): void {
    const attributes = { 'threadcast.worker.build_ms': buildMs, 'threadcast.worker.stringify_ms': stringifyMs };
    const options = { kind: SpanKind.INTERNAL, attributes, startTime: beginAt + waitMs };
    this.#tracer.startSpan('worker', options, parent).end(beginAt + waitMs + tookMs);
  }

  #open(span: Span, publisher?: MessageTrace): OpenSpan {
    if (!span.isRecording()) return unrecorded;
    const spanContext = span.spanContext();
    const isSampled = (spanContext.traceFlags & TraceFlags.SAMPLED) !== 0;
    const message = isSampled ? new MessageTrace(publisher?.origin ?? spanContext, spanContext) : undefined;
    return {
      trace: message,
      end(attributes, error) {
        span.setAttributes(attributes);
        if (message !== undefined && message.omitted > 0) {
          span.setAttribute('threadcast.sends_without_span', message.omitted);
        }
        if (error === undefined) span.end();
        else endFailed(span, error);
      },
    };
  }
}

const unrecorded: OpenSpan = { trace: undefined, end: () => {} };
const unrecordedSerialization: SerializeSpan = { end: () => {}, fail: () => {} };

function linkTo({ origin }: MessageTrace): Link[] {
  return [{ context: origin }];
}

function endFailed(span: Span, error: unknown): void {
  const thrown = asError(error);
  span.recordException(thrown);
  span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
  span.end();
}
