import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  isSpanContextValid,
  metrics,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Context, Histogram, Meter, Span, SpanOptions, Tracer } from '@opentelemetry/api';
import { asError } from '../errors.ts';
import { CHAT_HISTOGRAMS, type HistogramDefinition } from './histograms.ts';
import { parseTraceparent } from './message-trace.ts';

/** How an answer has ended. */
export type AnswerOutcome = 'finished' | 'aborted' | 'failed';

/** One answer of a chat. */
export interface AnswerFacts {
  readonly chatId: string;
  readonly threadId: string;
  readonly streamId: string;
  readonly trigger: string;
  /** When the request came, in milliseconds since 1970. */
  readonly requestedAt: number;
  /** The client's `traceparent`. It becomes a link, so that a client cannot force sampling. */
  readonly link: string | undefined;
}

/** An answer, when it is over. */
export interface AnswerResult {
  readonly outcome: AnswerOutcome;
  readonly durationMs: number;
  readonly chunks: number;
  /** What the server kept of them, folded. */
  readonly folds: number;
  /** Most members of the chat at the same time. */
  readonly viewers: number;
  /** What `run`, or its source, has thrown. */
  readonly error: unknown;
}

/** Viewers of one answer that have a span of their own, in each process. */
const MOST_VIEWERS = 256;

/** Answers of other processes whose viewers are counted. */
const MOST_ELSEWHERE = 256;

/** The spans and metrics of answers, through `@opentelemetry/api`. What a tracer or meter throws is reported, and the answer goes on. */
export class ChatTelemetry {
  readonly #tracer: Tracer;
  readonly #report: (error: unknown) => void;
  readonly #histograms: Readonly<Record<keyof typeof CHAT_HISTOGRAMS, Histogram>>;
  /** By their `traceparent`, the oldest first. */
  readonly #elsewhere = new Map<string, AnswerTrace>();

  constructor(
    report: (error: unknown) => void,
    tracer: Tracer = trace.getTracer('threadcast'),
    meter: Meter = metrics.getMeter('threadcast'),
  ) {
    this.#tracer = tracer;
    this.#report = report;
    const histogram = ({ name, unit, description, boundaries }: HistogramDefinition): Histogram =>
      meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: boundaries } });
    this.#histograms = {
      firstChunk: histogram(CHAT_HISTOGRAMS.firstChunk),
      duration: histogram(CHAT_HISTOGRAMS.duration),
      chunks: histogram(CHAT_HISTOGRAMS.chunks),
      foldedRatio: histogram(CHAT_HISTOGRAMS.foldedRatio),
      viewers: histogram(CHAT_HISTOGRAMS.viewers),
    };
  }

  /** An answer begins. */
  answer({ chatId, threadId, streamId, trigger, requestedAt, link }: AnswerFacts): AnswerTrace {
    const origin = link === undefined ? undefined : parseTraceparent(link);
    const attributes = {
      'gen_ai.conversation.id': chatId,
      'threadcast.thread.id': threadId,
      'threadcast.message.id': streamId,
      'threadcast.chat.trigger': trigger,
    };
    const links = origin === undefined ? [] : [{ context: origin }];
    const parent = context.active();
    const span = this.#start(
      'answer chat',
      { kind: SpanKind.SERVER, attributes, links, startTime: requestedAt },
      parent,
    );
    return new AnswerTrace(span === undefined ? parent : trace.setSpan(parent, span), this.#port(span));
  }

  /** An answer that another process makes, for its viewers here. */
  elsewhere(traceparent: string): AnswerTrace | undefined {
    const known = this.#elsewhere.get(traceparent);
    if (known !== undefined) return known;
    const origin = parseTraceparent(traceparent);
    if (origin === undefined) return undefined;
    const answer = new AnswerTrace(trace.setSpanContext(ROOT_CONTEXT, origin), this.#port(undefined));
    if (this.#elsewhere.size >= MOST_ELSEWHERE) this.#elsewhere.delete([...this.#elsewhere.keys()][0] ?? '');
    this.#elsewhere.set(traceparent, answer);
    return answer;
  }

  #port(span: Span | undefined): AnswerPort {
    return {
      viewer: (own, options) => this.#start('follow answer', options, own),
      end: (result) => this.#ended(span, result),
      endSpan: (one, facts) => this.#end(one, facts, undefined),
      firstChunk: (ms) => this.#record('firstChunk', ms / 1_000),
    };
  }

  #ended(span: Span | undefined, { outcome, durationMs, chunks, folds, viewers, error }: AnswerResult): void {
    this.#record('duration', durationMs / 1_000, { 'threadcast.chat.outcome': outcome });
    this.#record('chunks', chunks);
    this.#record('viewers', viewers);
    if (chunks > 0) this.#record('foldedRatio', folds / chunks);
    const attributes = {
      'threadcast.chat.outcome': outcome,
      'threadcast.chat.chunks': chunks,
      'threadcast.chat.folds': folds,
      'threadcast.chat.viewers': viewers,
    };
    if (span !== undefined) this.#end(span, attributes, error);
  }

  #start(name: string, options: SpanOptions, parent: Context): Span | undefined {
    try {
      return this.#tracer.startSpan(name, options, parent);
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #end(span: Span, attributes: Attributes, failure: unknown): void {
    try {
      span.setAttributes(attributes);
      if (failure !== undefined) {
        const thrown = asError(failure);
        const code: unknown = Reflect.get(thrown, 'code');
        span.setAttribute('error.type', typeof code === 'string' ? code : thrown.name);
        span.recordException(thrown);
        span.setStatus({ code: SpanStatusCode.ERROR, message: thrown.message });
      }
      span.end();
    } catch (error) {
      this.#report(error);
    }
  }

  #record(histogram: keyof typeof CHAT_HISTOGRAMS, value: number, attributes?: Attributes): void {
    try {
      this.#histograms[histogram].record(value, attributes);
    } catch (error) {
      this.#report(error);
    }
  }
}

interface AnswerPort {
  viewer(parent: Context, options: SpanOptions): Span | undefined;
  end(result: AnswerResult): void;
  endSpan(span: Span, attributes: Attributes): void;
  firstChunk(ms: number): void;
}

/** The trace of one answer: what happens within it, and who follows it. */
export class AnswerTrace {
  readonly #context: Context;
  readonly #port: AnswerPort;
  #viewers = 0;

  constructor(own: Context, port: AnswerPort) {
    this.#context = own;
    this.#port = port;
  }

  /** Of its span, for other processes; undefined without one. */
  get traceparent(): string | undefined {
    const own = trace.getSpanContext(this.#context);
    if (own === undefined || !isSpanContextValid(own)) return undefined;
    return `00-${own.traceId}-${own.spanId}-0${own.traceFlags & TraceFlags.SAMPLED}`;
  }

  /** Spans that the work begins become children of this one. */
  within<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  /** The first chunk of the source, after `run` was called. */
  firstChunk(ms: number): void {
    this.#port.firstChunk(ms);
  }

  /** A request follows it. Returns what ends the span: how, and chunks that were handed over. Undefined beyond the limit of spans. */
  viewer(connectionId: string): ((outcome: string, chunks: number) => void) | undefined {
    if (this.#viewers++ >= MOST_VIEWERS) return undefined;
    const attributes = { 'threadcast.connection.id': connectionId };
    const span = this.#port.viewer(this.#context, { kind: SpanKind.SERVER, attributes });
    if (span === undefined) return undefined;
    return (outcome, chunks) =>
      this.#port.endSpan(span, { 'threadcast.outcome': outcome, 'threadcast.chat.chunks': chunks });
  }

  end(result: AnswerResult): void {
    this.#port.end(result);
  }
}
