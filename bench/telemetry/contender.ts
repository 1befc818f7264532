/** The server of one contender, in a process of its own: fans out when it is told, and says what that cost. */
import { metrics, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { Metrics } from '../../src/infra/telemetry/metrics.ts';
import { Telemetry } from '../../src/infra/telemetry/spans.ts';
import { serveWs } from '../../test/support/ws-server.ts';

/** Settings of the batch processor. */
export interface Processor {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

/** What a contender is told on its command line, as JSON. */
export interface Setup {
  /** `bare`: every call to OpenTelemetry is taken out. Undefined: no SDK. Else the share of messages that is sampled. */
  readonly sdk: 'bare' | undefined | { readonly ratio: number; readonly processor: Processor };
  readonly collector: string;
  readonly maxSendSpans: number;
}

/** A round to play: so many messages, one after the other or all at once. */
export interface Order {
  readonly messages: number;
  readonly atOnce: boolean;
  /** Export all spans afterwards. */
  readonly flush: boolean;
}

export interface Cost {
  readonly cpuMs: number;
  readonly deliveries: number;
}

const { sdk, collector, maxSendSpans }: Setup = JSON.parse(process.argv[2] ?? '{}');

let flush = (): Promise<void> => Promise.resolve();
if (sdk === 'bare') takeOut();
else if (sdk !== undefined) {
  const exporter = new OTLPTraceExporter({ url: `${collector}/v1/traces` });
  const processor = new BatchSpanProcessor({ exporter, ...sdk.processor });
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sdk.ratio) });
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor], sampler }));
  const reader = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  flush = () => processor.forceFlush();
  // scraped, as in production
  setInterval(() => void reader.collect(), 1_000).unref();
}

const server = await serveWs({ hub: { maxSendSpans } });
const thread = server.hub.thread('t');
process.on('message', (order: Order) => void play(order));
process.send?.(server.url);

async function play({ messages, atOnce, flush: isFlushed }: Order): Promise<void> {
  const before = server.hub.stats().deliveries;
  const begin = process.cpuUsage();
  if (atOnce) await Promise.all(Array.from({ length: messages }, (_, i) => thread.send({ i, text: 'hello' })));
  else for (let i = 0; i < messages; i++) await thread.send({ i, text: 'hello' });
  const { user, system } = process.cpuUsage(begin);
  if (isFlushed) await flush();
  const cost: Cost = { cpuMs: (user + system) / 1_000, deliveries: server.hub.stats().deliveries - before };
  process.send?.(cost);
}

/** As if the library had never heard of OpenTelemetry; its own plain counters stay. */
function takeOut(): void {
  const nothing = { trace: undefined, end() {}, fail() {} };
  Telemetry.prototype.publish = () => nothing;
  Telemetry.prototype.serialize = () => nothing;
  Telemetry.prototype.transition = () => {};
  Metrics.prototype.serialized = () => {};
  Metrics.prototype.fannedOut = () => {};
  Metrics.prototype.observe = () => () => {};
}
