import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** Spans that are kept. */
const KEPT = 2_000;

/** Traces that the page shows. */
const SHOWN = 10;

/** The newest traces in memory, as text: for a first look without a collector. */
export class RecentTraces implements SpanExporter {
  readonly #spans: ReadableSpan[] = [];

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    this.#spans.push(...spans);
    if (this.#spans.length > KEPT) this.#spans.splice(0, this.#spans.length - KEPT);
    done({ code: 0 });
  }

  async shutdown(): Promise<void> {}

  /** The newest first; a span is indented below its parent. */
  text(): string {
    const roots = this.#spans.filter(({ name, parentSpanContext }) => name === 'publish thread' && !parentSpanContext);
    const newest = roots.slice(-SHOWN).toReversed();
    if (newest.length === 0) return 'No message has been sent yet: load this page again in a second.\n';
    return newest.map((root) => this.#tree(root, 0)).join('\n');
  }

  #tree(span: ReadableSpan, depth: number): string {
    const { traceId, spanId } = span.spanContext();
    const children = this.#spans.filter(
      ({ parentSpanContext }) => parentSpanContext?.traceId === traceId && parentSpanContext.spanId === spanId,
    );
    const [seconds, nanoseconds] = span.duration;
    const ms = `${(seconds * 1e3 + nanoseconds / 1e6).toFixed(2)} ms`;
    const facts = Object.entries(span.attributes).map(
      ([name, value]) => `${name.replace('threadcast.', '')}=${String(value)}`,
    );
    const line = `${'  '.repeat(depth)}${span.name.padEnd(28 - 2 * depth)} ${ms.padStart(10)}   ${facts.join(' ')}\n`;
    return line + children.map((child) => this.#tree(child, depth + 1)).join('');
  }
}
