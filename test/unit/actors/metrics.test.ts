import { AggregationTemporality, MeterProvider, MetricReader, type MetricData } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { INSTRUMENTS } from '../../../src/infra/instruments.ts';
import { WindowedMaximum } from '../../../src/actors/windowed-maximum.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { makeHarness, type Harness } from '../../support/harness.ts';

/** Collects when it is asked. */
class OnDemand extends MetricReader {
  constructor(temporality: AggregationTemporality) {
    super({ aggregationTemporalitySelector: () => temporality });
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

let reader: OnDemand;
let harness: Harness;

beforeEach(() => start(AggregationTemporality.CUMULATIVE));

function start(temporality: AggregationTemporality): void {
  reader = new OnDemand(temporality);
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
  harness = makeHarness({ meter });
}

afterEach(() => harness.close());

async function collect(): Promise<MetricData[]> {
  const { resourceMetrics, errors } = await reader.collect();
  expect(errors).toEqual([]);
  return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
}

/** The values of one metric: a number, or one for each combination of attributes. */
async function read(name: string): Promise<unknown> {
  const metric = (await collect()).find(({ descriptor }) => descriptor.name === name);
  const points = (metric?.dataPoints ?? []).map(({ attributes, value }) => [Object.values(attributes).join(), value]);
  return points.length === 1 && points[0]?.[0] === '' ? points[0][1] : Object.fromEntries(points);
}

it('counts what the peers make it count, and names no connection, thread or message', async () => {
  const { hub, connect, run, clock } = harness;
  const healthy = connect();
  const { connection, link } = connect();
  await healthy.connection.join('t');
  await connection.join('t');
  link.stall();
  for (let i = 0; i < 3; i++) await run(hub.thread('t').send('x'.repeat(600_000)));
  await run(hub.thread('t').send('v', { lane: 'volatile' }));
  await expect(run(hub.thread('t').send(1n))).rejects.toThrow('BigInt');
  await clock.advance(8_000);

  expect(await read('threadcast.connections')).toEqual({ open: 1, retrying: 1, tripped: 0 });
  expect(await read('threadcast.subscriptions')).toBe(2);
  expect(await read('threadcast.subscriptions.behind')).toBe(1);
  expect(await read('threadcast.behind.entries')).toBe(2);
  expect(await read('threadcast.behind.age')).toBeGreaterThanOrEqual(8);
  expect(await read('threadcast.published')).toBe(4);
  expect(await read('threadcast.publish.failures')).toBe(1);
  expect(await read('threadcast.sent')).toBe(5);
  expect(await read('threadcast.volatile.dropped')).toBe(1);
  expect(await read('threadcast.threads')).toBe(1);
  expect(await read('threadcast.send.timeouts')).toBe(1);

  await clock.advance(120_000);
  const bytes = healthy.connection.stats.bytes + connection.stats.bytes;
  expect(await read('threadcast.connections')).toEqual({ open: 1, retrying: 0, tripped: 0 });
  expect(await read('threadcast.connections_evicted')).toBe(1);
  expect(await read('threadcast.timeout.retries')).toBe(3);
  expect(await read('threadcast.timeout.failures')).toBe(1);
  // what was written to a connection that has gone does not go with it
  expect(await read('threadcast.sent.size')).toBe(bytes);
  expect(await read('threadcast.subscriptions.behind')).toBe(0);

  const attributes = (await collect()).flatMap(({ dataPoints }) => dataPoints.map((point) => point.attributes));
  const keys = new Set(attributes.flatMap((each) => Object.keys(each)));
  expect([...keys].toSorted()).toEqual(['threadcast.state', 'threadcast.strategy']);
});

it('measures each serialization and each fan-out, with 100 ms as a boundary', async () => {
  const { hub, connect, run, clock } = harness;
  for (let i = 0; i < 4; i++) await connect().connection.join('t');
  await run(hub.thread('t').send({ a: 1 }));
  await run(hub.thread('t').send('x'.repeat(300_000)));
  await clock.settle();
  const found = await collect();
  const buckets = { boundaries: expect.arrayContaining([0.1]) };
  const histogram = (name: string): unknown => found.find(({ descriptor }) => descriptor.name === name);
  expect(histogram('threadcast.serialization.duration')).toMatchObject({
    descriptor: { unit: 's' },
    dataPoints: [
      { attributes: { 'threadcast.strategy': 'inline' }, value: { count: 1, buckets } },
      { attributes: { 'threadcast.strategy': 'sliced' }, value: { count: 1 } },
    ],
  });
  expect(histogram('threadcast.fanout.size')).toMatchObject({ dataPoints: [{ value: { count: 2, sum: 8 } }] });
  expect(histogram('threadcast.fanout.duration')).toMatchObject({ dataPoints: [{ value: { count: 2 } }] });
});

it('counts resumes and gaps', async () => {
  const { hub, connect, run } = harness;
  const { connection } = connect();
  await connection.join('t');
  const { position } = await run(hub.thread('t').send(1));
  await connect().connection.join('t', { from: position });
  await connect().connection.join('t', { from: 'another.3.x' });
  await connect().connection.join('t', { from: 'start' });
  expect(await read('threadcast.resumes')).toBe(2);
  expect(await read('threadcast.gaps')).toBe(1);
});

it('says that the event loop was late, and forgets it', async () => {
  const { clock } = harness;
  await clock.advance(2_000);
  await clock.freeze(1_700);
  await clock.advance(2_000);
  expect(await read('threadcast.loop.late')).toBeGreaterThanOrEqual(0.5);
  await clock.advance(70_000);
  expect(await read('threadcast.loop.late')).toBe(0);
});

it('every instrument has a unit and a description, and none is read any more once the hub has closed', async () => {
  const names = (await collect()).map(({ descriptor }) => descriptor.name);
  expect(names.toSorted()).toEqual(INSTRUMENTS.map(({ name }) => name).toSorted());
  for (const { unit, description } of INSTRUMENTS) expect([unit, description].every((text) => text !== '')).toBe(true);
  await harness.close();
  start(AggregationTemporality.DELTA);
  await harness.close();
  for (const { dataPoints } of await collect()) expect(dataPoints).toEqual([]);
});

it('a windowed maximum holds a value for 30 to 60 seconds', async () => {
  const clock = new VirtualClock();
  const maximum = new WindowedMaximum(() => clock.now());
  maximum.note(5);
  maximum.note(3);
  expect(maximum.value).toBe(5);
  await clock.advance(31_000);
  maximum.note(4);
  expect(maximum.value).toBe(5);
  await clock.advance(30_000);
  expect(maximum.value).toBe(4);
  await clock.advance(300_000);
  expect(maximum.value).toBe(0);
});
