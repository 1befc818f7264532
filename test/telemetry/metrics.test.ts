import { AggregationTemporality, MeterProvider, MetricReader, type MetricData } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { INSTRUMENTS } from '../../src/infra/telemetry/instruments.ts';
import { RollingMaximum } from '../../src/actors/support/rolling-maximum.ts';
import { InvalidThreadIdError, LogUnavailableError, ThreadcastError } from '../../src/infra/errors.ts';
import { answer, createHub, memoryLog } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { makeHarness, type Harness } from '../support/harness.ts';

/** An application's own. */
class MadeUp extends ThreadcastError {
  readonly code: `TC_${string}`;

  constructor(code: `TC_${string}`) {
    super('made up');
    this.code = code;
  }
}

/** Resolves when the garbage collector has it. */
async function collected(ref: WeakRef<object>): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc (see vitest.config.ts)');
  while (ref.deref() !== undefined) {
    // a WeakRef holds what it has given out until the job is over
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
}

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
  // of three big ones, a piece of the first has been written to the stalled connection
  expect(await read('threadcast.sent')).toBe(4);
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
  expect([...keys].toSorted()).toEqual([
    'threadcast.error.code',
    'threadcast.order',
    'threadcast.refusal.reason',
    'threadcast.state',
    'threadcast.strategy',
  ]);
});

it('counts remembered answers, retries that get one, and orders about a user', async () => {
  const { hub, clock, run } = harness;
  let asked = 0;
  const link = new FakeLink();
  hub.accept(link.attach, {
    userId: 'ada',
    authorize: () => true,
    onPublish: () => answer({ number: ++asked }),
  });
  for (const id of ['one', 'one', 'two', 'one']) {
    link.say({ t: 'pub', th: 't', id, d: 1 });
    await clock.settle();
  }
  // while the first attempt is being answered
  const again = new FakeLink();
  hub.accept(again.attach, { userId: 'ada', authorize: () => true, onPublish: () => answer({ number: ++asked }) });
  link.say({ t: 'pub', th: 'u', id: 'three', d: 1 });
  again.say({ t: 'pub', th: 'u', id: 'three', d: 1 });
  await clock.settle();
  expect(asked).toBe(3);
  expect(await read('threadcast.answers.remembered')).toBe(3);
  expect(await read('threadcast.answers.repeated')).toBe(3);
  expect(await read('threadcast.answers.held')).toBe(3);
  expect(await read('threadcast.answers.held.size')).toBeGreaterThan(100);
  expect(hub.stats()).toMatchObject({ answersRemembered: 3, answersRepeated: 3, answersHeld: 3 });
  await run(hub.thread('t').delete());
  expect(await read('threadcast.answers.held')).toBe(1);
  await clock.advance(660_000);
  expect(await read('threadcast.answers.held')).toBe(0);
  expect(await read('threadcast.answers.held.size')).toBe(0);

  await run(hub.user('ada').leave('t'));
  await run(hub.user('ada').leave('t'));
  await run(hub.user('ada').close(4401));
  await run(hub.user('bob').close());
  expect(await read('threadcast.user.orders')).toEqual({ close: 2, leave: 2 });
  expect(hub.stats()).toMatchObject({ userCloses: 2, userLeaves: 2 });
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

it('every instrument has a unit and a description', async () => {
  const names = (await collect()).map(({ descriptor }) => descriptor.name);
  expect(names.toSorted()).toEqual(INSTRUMENTS.map(({ name }) => name).toSorted());
  for (const { unit, description } of INSTRUMENTS) expect([unit, description].every((text) => text !== '')).toBe(true);
});

it('tells an SDK that is shut down after the hub what happened until its end', async () => {
  harness.connect();
  await harness.run(harness.hub.thread('t').send('the last one'));
  await harness.close();
  for (const temporality of [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA]) {
    if (temporality === AggregationTemporality.DELTA) {
      start(temporality);
      harness.connect();
      await collect();
      await harness.run(harness.hub.thread('t').send('after the last look'));
      await harness.close();
    }
    expect(await read('threadcast.published')).toBe(1);
  }
});

it('leaves the meter to the next hub', async () => {
  const meter = new MeterProvider({ readers: [(reader = new OnDemand(AggregationTemporality.CUMULATIVE))] }).getMeter(
    'm',
  );
  for (const sends of [3, 2]) {
    harness = makeHarness({ meter });
    harness.connect();
    for (let i = 0; i < sends; i++) await harness.run(harness.hub.thread('t').send(i));
    expect(await read('threadcast.published')).toBe(sends);
    expect(await read('threadcast.connections')).toMatchObject({ open: 1 });
    await harness.close();
    expect(await read('threadcast.published')).toBe(sends);
    expect(await read('threadcast.connections')).toMatchObject({ open: 0 });
    expect(await read('threadcast.connections_evicted')).toBe(1);
  }
});

it('lets go of a hub that has closed: what is told of it are numbers', async () => {
  const meter = new MeterProvider({ readers: [(reader = new OnDemand(AggregationTemporality.CUMULATIVE))] }).getMeter(
    'm',
  );
  const closed = await (async () => {
    const hub = createHub({ meter });
    await hub.thread('t').send('one');
    await hub.close();
    return new WeakRef(hub);
  })();
  expect(await read('threadcast.published')).toBe(1);
  await collected(closed);
  expect(await read('threadcast.published')).toBe(1);
});

it('counts errors that nobody was there to catch, by code, and never more codes than a few', async () => {
  const { hub, connect, run } = harness;
  expect(await read('threadcast.errors')).toEqual({ other: 0 });
  hub.on('connection', () => {
    throw new Error('a listener of the application');
  });
  const made = Array.from({ length: 100 }, (_, i) => new MadeUp(`TC_${i}`));
  for (const error of [new InvalidThreadIdError('?'), new InvalidThreadIdError('!'), ...made]) {
    hub.on('evicted', () => {
      throw error;
    });
  }
  connect().connection.close();
  await run(Promise.resolve());
  const errors = Object(await read('threadcast.errors'));
  expect(errors).toMatchObject({ TC_INVALID_THREAD_ID: 2, TC_0: 1 });
  expect(Object.keys(errors)).toHaveLength(64);
  expect(errors.other).toBe(1 + 100 - 62);
});

it('says that the log is lost for as long as it is', async () => {
  let tell = (_error: Error | undefined): void => {};
  const log = Object.assign(memoryLog(), { watch: (listener: typeof tell) => void (tell = listener) });
  reader = new OnDemand(AggregationTemporality.CUMULATIVE);
  harness = makeHarness({ log, meter: new MeterProvider({ readers: [reader] }).getMeter('m') });
  expect(await read('threadcast.logs.lost')).toBe(0);
  tell(new LogUnavailableError({ reason: 'away' }));
  expect(await read('threadcast.logs.lost')).toBe(1);
  tell(undefined);
  expect(await read('threadcast.logs.lost')).toBe(0);
});

it('a windowed maximum holds a value for 30 to 60 seconds', async () => {
  const clock = new VirtualClock();
  const maximum = new RollingMaximum(() => clock.now());
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
