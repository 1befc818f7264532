/** How long a collector that does not answer may hold up the end. */
const FLUSH_MS = 3_000;

/**
 * Exports traces where the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`, and `OTEL_EXPORTER_OTLP_PROTOCOL` for
 * how to talk to it); loads nothing otherwise. To be called before the hub is made.
 *
 * @returns the function that sends what is left and ends it
 */
export async function startTelemetry(): Promise<() => Promise<void>> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME } = process.env;
  if (OTEL_EXPORTER_OTLP_ENDPOINT === undefined || OTEL_EXPORTER_OTLP_ENDPOINT === '') return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: OTEL_SERVICE_NAME ?? 'threadcast-demo',
    // traces only, whatever the SDK would export besides by default
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return async () => {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FLUSH_MS);
    const flushed = sdk.shutdown().catch((error: unknown) => console.error('demo: traces were not exported:', error));
    await Promise.race([flushed, late]);
    clearTimeout(timer);
  };
}
