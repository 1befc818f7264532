import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api';
import type { Attributes, Context, Link, Span, SpanContext, SpanOptions, Tracer } from '@opentelemetry/api';
import { asError } from '../errors.ts';
import { RecordedTrace, parseTraceparent } from './message-trace.ts';
import type { MessageTrace } from '../../api/entry.ts';

export type { Tracer };
export type SpanAttributes = Attributes;

/** The OpenTelemetry context under which a message is published. */
export type SpanParent = Context;

/** The caller's context: read once, in the publisher's own call. */
export const activeContext = (): SpanParent => context.active();

/** The message to be published. */
export interface PublishFacts {
  readonly threadId: string;
  readonly lane: string;
  readonly parent: SpanParent;
  /** A client's `traceparent`. It becomes a link, so that a client cannot force sampling. */
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
 * The outcome of a delivery.
 *
 * - `written`: handed to the socket.
 * - `behind`: the socket accepts nothing now; a later span shows how it continued.
 * - `dropped`: a volatile message that found the connection busy.
 * - `timed_out`: the first attempt and all retries timed out; the message waits in the log.
 * - `evicted`: the connection ended before its turn.
 */
export type SendOutcome = 'written' | 'behind' | 'dropped' | 'timed_out' | 'evicted';

/** The facts of one delivery. */
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

/** A span in progress. `end` with an error marks it failed. */
export interface OpenSpan {
  /** Set only while the span is recorded, so that a dropped span has no children. */
  readonly trace: MessageTrace | undefined;
  end(attributes: Attributes, error?: unknown): void;
}

/** The serialization of one message. */
export interface SerializeSpan {
  /** The worker's part is known only in the end: it becomes a child afterwards. */
  end(attributes: Attributes, worker?: WorkerFacts): void;
  fail(error: unknown): void;
}

/**
 * Spans through `@opentelemetry/api`, with explicit contexts: AsyncLocalStorage costs more than the send itself. Without an SDK every call
 * here is a no-op. The head sampling decision is made once, in `publish`. An error of a tracer or a span processor is reported, and the
 * message continues without its span.
 */
export class Telemetry {
  readonly #tracer: Tracer;
  readonly #maxSpans: number;
  readonly #report: (error: unknown) => void;
  /** The message that causes the current transitions. */
  #cause: MessageTrace | undefined;
  /** By connection: the last recorded message for it. */
  readonly #lastMessages = new Map<string, MessageTrace>();

  /** @param maxSpans of one message for successful deliveries, and as many for failed ones, and for later ones */
  constructor(maxSpans: number, report: (error: unknown) => void, tracer: Tracer = trace.getTracer('threadcast')) {
    this.#maxSpans = maxSpans;
    this.#report = report;
    this.#tracer = tracer;
  }

  publish({ threadId, lane, parent, link }: PublishFacts): OpenSpan {
    const attributes = { 'threadcast.thread.id': threadId, 'threadcast.lane': lane };
    const origin = link === undefined ? undefined : parseTraceparent(link);
    const options = { kind: SpanKind.PRODUCER, attributes, links: origin === undefined ? [] : [{ context: origin }] };
    return this.#open('publish thread', options, parent);
  }

  /** Takes over the trace of an entry that another process has published, so that one message stays one trace. */
  process(message: SentMessage, publisher: MessageTrace): OpenSpan {
    const attributes = {
      'threadcast.thread.id': message.threadId,
      'threadcast.message.id': message.id,
      'threadcast.message.offset': message.offset,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, links: [{ context: publisher.origin }] };
    return this.#open('process thread', options, publisher.context, publisher.origin);
  }

  serialize(parent: MessageTrace | undefined): SerializeSpan {
    if (parent === undefined) return unrecordedSerialization;
    const span = this.#start('serialize', { kind: SpanKind.INTERNAL }, parent.context);
    if (span === undefined) return unrecordedSerialization;
    const beginAt = Date.now();
    return {
      end: (attributes, worker) => {
        if (worker !== undefined) this.#worked(trace.setSpan(parent.context, span), beginAt, worker);
        this.#end(span, attributes);
      },
      fail: (error) => this.#end(span, {}, error),
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
    const options = { kind: SpanKind.CLIENT, attributes, links: isLate ? linkTo(trace) : [] };
    const span = this.#start('send connection', options, isLate ? ROOT_CONTEXT : trace.context);
    if (span !== undefined) this.#end(span, {}, outcome === 'timed_out' ? TIMED_OUT : undefined);
  }

  /** The first pieces of this message are on their way to the connection; the span follows at the end. */
  begun(connectionId: string, trace: MessageTrace): void {
    this.#lastMessages.set(connectionId, trace);
  }

  transition({ machine, id, from, to, event }: TransitionFacts): void {
    const attributes = {
      'threadcast.machine.id': id,
      'threadcast.state.from': from,
      'threadcast.state.to': to,
      'threadcast.event': event,
    };
    const options = { kind: SpanKind.INTERNAL, attributes, links: this.#linksOf(machine, id, to) };
    const span = this.#start(`transition ${machine}`, options, this.#cause?.context ?? ROOT_CONTEXT);
    if (span !== undefined) this.#end(span, {});
  }

  /** Transitions that `act` causes at once belong to the message's trace. */
  causing(message: MessageTrace | undefined, act: () => void): void {
    this.#cause = message;
    try {
      act();
    } finally {
      this.#cause = undefined;
    }
  }

  /** Links a connection's transition to the last recorded message for it: a stall, to the message that may have caused it. */
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
    const span = this.#start('worker', options, parent);
    if (span !== undefined) this.#end(span, {}, undefined, beginAt + waitMs + tookMs);
  }

  /** @param publisher the publish span, if it is another process's */
  #open(name: string, options: SpanOptions, parent: Context, publisher?: SpanContext): OpenSpan {
    const span = this.#start(name, options, parent);
    if (span?.isRecording() !== true) return unrecorded;
    const own = span.spanContext();
    const isSampled = (own.traceFlags & TraceFlags.SAMPLED) !== 0;
    const message = isSampled ? new RecordedTrace(publisher ?? own, own) : undefined;
    return {
      trace: message,
      end: (attributes, error) => {
        const omitted = message?.omitted ?? 0;
        const all = omitted === 0 ? attributes : { ...attributes, 'threadcast.sends_without_span': omitted };
        this.#end(span, all, error);
      },
    };
  }

  #start(name: string, options: SpanOptions, parent: Context): Span | undefined {
    try {
      return this.#tracer.startSpan(name, options, parent);
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #end(span: Span, attributes: Attributes, failure?: unknown, endTime?: number): void {
    try {
      span.setAttributes(attributes);
      if (failure === TIMED_OUT) span.setStatus({ code: SpanStatusCode.ERROR, message: TIMED_OUT });
      else if (failure !== undefined) {
        const thrown = asError(failure);
        span.recordException(thrown);
        span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
      }
      span.end(endTime);
    } catch (error) {
      this.#report(error);
    }
  }
}

/** The status of a failure without an exception. */
const TIMED_OUT = 'all attempts timed out';

const unrecorded: OpenSpan = { trace: undefined, end: () => {} };
const unrecordedSerialization: SerializeSpan = { end: () => {}, fail: () => {} };

function linkTo({ origin }: MessageTrace): Link[] {
  return [{ context: origin }];
}
