/**
 * threadcast watched in production, in one command:
 *
 *     npm run start:observability -- [--port 8080] [--clients 5] [--stalled 0] [--impatient]
 *
 * The page at / links to the inspector, the metrics (for `prometheus --config.file=examples/observability/prometheus.yml`) and the traces.
 * Traces go to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, or without one to a page of this example. With `--impatient --stalled 20` the alerts of timeouts and of failures ring within a minute.
 * With `REDIS_URL` it is one node of several, each with a port of its own.
 */
import { parseArgs } from 'node:util';
import { startApp } from './app.ts';
import { startTelemetry } from './telemetry.ts';
import { makeTraffic } from './traffic.ts';

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    clients: { type: 'string', default: '5' },
    stalled: { type: 'string', default: '0' },
    impatient: { type: 'boolean', default: false },
  },
});

const telemetry = startTelemetry();
const app = await startApp(telemetry, {
  port: Number(flags.port),
  isImpatient: flags.impatient,
  redisUrl: process.env['REDIS_URL'],
}).catch((error: unknown) => {
  console.error(`The example cannot listen on port ${flags.port} (${String(error)}); another one: --port 8090`);
  process.exit(1);
});
const { OTEL_EXPORTER_OTLP_ENDPOINT: collector = `${app.url}/traces` } = process.env;
console.log(`start here: ${app.url}/\nmetrics:    ${app.url}/metrics\ntraces:     ${collector}`);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
await makeTraffic(app.url, {
  clients: Number(flags.clients),
  stalled: Number(flags.stalled),
  signal: stop.signal,
});
await app.close();
await telemetry.shutdown();
