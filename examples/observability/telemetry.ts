import type { IncomingMessage, ServerResponse } from 'node:http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { RecentTraces } from './recent-traces.ts';

export interface Telemetry {
  /** For `GET /metrics`. */
  readonly serveMetrics: (request: IncomingMessage, response: ServerResponse) => void;
  /** The newest traces as text; undefined where they go to a collector. */
  readonly traces: RecentTraces | undefined;
  /** Exports what is left. */
  readonly shutdown: () => Promise<void>;
}

/**
 * Traces by OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector, metrics for Prometheus in any case. To be called before
 * the hub is made: it takes its meter then. All of `OTEL_*` works as the SDK documents it: the sampler, the protocol, the queue.
 */
export function startTelemetry(): Telemetry {
  const { env } = process;
  env['OTEL_SERVICE_NAME'] ??= 'threadcast-example';
  const traces = env['OTEL_EXPORTER_OTLP_ENDPOINT'] === undefined ? new RecentTraces() : undefined;
  env['OTEL_TRACES_EXPORTER'] ??= traces === undefined ? 'otlp' : 'none';
  // room for a burst: what does not fit is thrown away without a word (docs/observability.md, "How many spans")
  env['OTEL_BSP_MAX_QUEUE_SIZE'] ??= '32768';
  env['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'] ??= '2048';
  const metrics = new PrometheusExporter({ preventServerStart: true });
  const sdk = new NodeSDK({
    metricReaders: [metrics],
    logRecordProcessors: [],
    ...(traces && { spanProcessors: [new SimpleSpanProcessor({ exporter: traces })] }),
  });
  sdk.start();
  return {
    traces,
    serveMetrics: (request, response) => metrics.getMetricsRequestHandler(request, response),
    shutdown: () => sdk.shutdown(),
  };
}
