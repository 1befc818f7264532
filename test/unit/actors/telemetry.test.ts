import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeHarness, type Harness } from '../../support/harness.ts';

let exporter: InMemorySpanExporter;
let harness: Harness;

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  harness = makeHarness({ tracer: provider.getTracer('test') });
});

afterEach(() => harness.close());

const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

it('makes a tree for each send: publish, serialize, one send for each connection', async () => {
  const { hub, connect, run } = harness;
  for (const { connection } of [connect(), connect(), connect()]) await connection.join('t');
  await run(hub.thread('t').send({ a: 1 }));
  const [publish] = named('publish thread');
  expect(publish).toMatchObject({
    kind: SpanKind.PRODUCER,
    attributes: { 'threadcast.thread.id': 't', 'threadcast.recipients': 3, 'threadcast.written': 3 },
  });
  const parent = publish?.spanContext().spanId;
  expect(named('serialize')).toMatchObject([
    { parentSpanContext: { spanId: parent }, attributes: { 'threadcast.strategy': 'inline', 'threadcast.bytes': 7 } },
  ]);
  const sends = named('send connection');
  expect(sends).toHaveLength(3);
  expect(new Set(sends.map((span) => span.attributes['threadcast.connection.id'])).size).toBe(3);
  for (const span of sends)
    expect(span).toMatchObject({ kind: SpanKind.CLIENT, parentSpanContext: { spanId: parent } });
});

it('links the send of a catch-up to the original publish', async () => {
  const { hub, connect, run, clock } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  link.stall();
  await run(hub.thread('t').send('x'.repeat(600_000)));
  await run(hub.thread('t').send('late'));
  link.resume();
  await clock.settle();
  const [, publish] = named('publish thread');
  const late = named('send connection').find((span) => span.links.length > 0);
  expect(late?.links[0]?.context.spanId).toBe(publish?.spanContext().spanId);
  expect(late?.parentSpanContext).toBeUndefined();
});

it('makes a span of every transition of every machine', async () => {
  const { connect, clock } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  link.stall();
  await harness.run(harness.hub.thread('t').send(1));
  await clock.advance(100_000);
  await harness.close();
  const seen = exporter
    .getFinishedSpans()
    .filter((span) => span.name.startsWith('transition '))
    .map(
      ({ name, attributes }) =>
        `${name} ${String(attributes['threadcast.state.from'])} > ${String(attributes['threadcast.state.to'])}`,
    );
  expect(new Set(seen)).toEqual(
    new Set([
      'transition hub starting > running',
      'transition thread idle > live',
      'transition connection open > retrying.backingOff',
      'transition connection retrying.backingOff > retrying.attempting',
      'transition connection retrying.attempting > retrying.backingOff',
      // the last retry has timed out: the next delivery is attempted
      'transition connection retrying.attempting > retrying.attempting',
      'transition connection retrying.attempting > tripped.coolingDown',
      'transition connection tripped.coolingDown > tripped.probing',
      'transition connection tripped.probing > evicted',
      'transition thread live > idle',
      'transition thread idle > closed',
      'transition serializer ready > stopped',
      'transition hub running > stopped',
    ]),
  );
});

it('marks the spans of a send that failed, and says why', async () => {
  await expect(harness.hub.thread('t').send(1n)).rejects.toThrow('BigInt');
  for (const name of ['publish thread', 'serialize']) {
    const [span] = named(name);
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.events[0]?.name).toBe('exception');
  }
});
