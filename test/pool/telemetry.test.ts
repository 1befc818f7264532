import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { expect, it } from 'vitest';
import { LISTS } from '../client/fake-network.ts';
import { fakePool, names } from './fake-pool.ts';

/** Collects when it is asked. */
class OnDemand extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  /** The values of each metric, by its name and the state of connections. */
  async read(): Promise<Record<string, unknown>> {
    const { resourceMetrics } = await this.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return Object.fromEntries(
      metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => [
          [name.replace('threadcast.pool.', ''), attributes['threadcast.state']].filter(Boolean).join(' '),
          value,
        ]),
      ),
    );
  }
}

it('each transition of a connection is a span, and the metrics say what the pool has and has done', async () => {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test');
  const reader = new OnDemand();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
  const { pool, clock, sockets, socket } = fakePool({ size: 2, tracer, meter });
  for (const name of names(20)) pool.join(name);
  expect(await reader.read()).toMatchObject({ 'connections connecting': 2, threads: 20, 'threads.waiting': 20 });
  for (const each of sockets) each.open(LISTS);
  const published = pool.publish('t0', 1).catch(() => {});
  await clock.advance(5_000);
  socket(1).lose();
  await clock.settle();
  const { moves } = pool.stats;
  expect(moves).toBeGreaterThan(0);
  expect(await reader.read()).toMatchObject({
    'connections open': 1,
    'connections retrying': 1,
    'connections tripped': 0,
    'threads.waiting': 0,
    queued: 1,
    failures: 1,
    evictions: 0,
    moves,
  });
  const spans = exporter.getFinishedSpans();
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(['transition pool-connection']));
  const words = spans.map(({ attributes }) => JSON.stringify(attributes));
  for (const word of ['open.fresh', 'open.settled', 'retrying', 'pool-connection:2'])
    expect(words.some((text) => text.includes(word))).toBe(true);
  pool.close();
  await published;
  // what a closed pool has done is not forgotten
  expect(await reader.read()).toMatchObject({ failures: 1, moves });
});
