import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeVolatile } from '../../src/actors/thread/node-messages.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { makeEntry } from '../../src/infra/log/entry.ts';
import { memoryLog, type HubOptions } from '../../src/index.ts';
import { caughtWarnings } from '../support/caught-warnings.ts';
import { SharedLog } from '../support/shared-log.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

let exporter: InMemorySpanExporter;
let harness: Harness;

function restart(options: HubOptions = {}, sampler?: Sampler): void {
  exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  const provider = new TracerProvider({ spanProcessors, ...(sampler !== undefined && { sampler }) });
  harness = makeHarness({ tracer: provider.getTracer('test'), ...options });
}

beforeEach(() => restart());

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
  const late = named('send connection').at(-1);
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

const FOREIGN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

it('caps the spans of one fan-out, failures apart, and leaves the totals on the parent', async () => {
  await harness.close();
  restart({ maxSendSpans: 3 });
  const { hub, connect, run } = harness;
  for (let i = 0; i < 10; i++) {
    const { connection, link } = connect();
    await connection.join('t');
    if (i >= 5) link.stall();
  }
  await run(hub.thread('t').send('x'.repeat(600_000)));
  exporter.reset();
  await run(hub.thread('t').send('small'));
  const outcomes = named('send connection').map((span) => String(span.attributes['threadcast.outcome']));
  expect(outcomes.toSorted()).toEqual(['behind', 'behind', 'behind', 'written', 'written', 'written']);
  expect(named('publish thread')).toMatchObject([
    {
      attributes: {
        'threadcast.recipients': 10,
        'threadcast.written': 5,
        'threadcast.behind': 5,
        'threadcast.sends_without_span': 4,
      },
    },
  ]);
});

it('tells of a delivery that failed, with its attempts, and of those that a connection took with it', async () => {
  const { hub, connect, run, clock } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  link.stall();
  await run(hub.thread('t').send('x'.repeat(600_000)));
  await run(hub.thread('t').send('waits'));
  const [, publish] = named('publish thread');
  await clock.advance(120_000);
  const sends = named('send connection').filter(
    ({ links }) => links[0]?.context.spanId === publish?.spanContext().spanId,
  );
  expect(
    sends.map(({ attributes, status }) => [
      attributes['threadcast.outcome'],
      attributes['threadcast.attempt'],
      status.code,
    ]),
  ).toEqual([
    ['timed_out', 4, SpanStatusCode.ERROR],
    ['evicted', 4, SpanStatusCode.UNSET],
  ]);
});

it('counts the attempts of a message that waited for a retry', async () => {
  const { hub, connect, run, clock } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  link.stall();
  await run(hub.thread('t').send('x'.repeat(600_000)));
  await run(hub.thread('t').send('waits'));
  await clock.advance(13_000);
  expect(connection.state).toBe('retrying');
  link.resume();
  await clock.settle();
  await run(hub.thread('t').send('at once'));
  const attempts = named('send connection').map(({ attributes }) => [
    attributes['threadcast.outcome'],
    attributes['threadcast.attempt'],
  ]);
  expect(attempts).toEqual([
    ['behind', 1],
    // of the first, of which only a piece had been written before
    ['written', 3],
    ['written', 3],
    ['written', 1],
  ]);
});

it('puts the transition that a send leads to in its trace, and links a stall to what came before it', async () => {
  const { hub, connect, run, clock } = harness;
  await run(hub.thread('empty').send(1));
  const [first] = named('publish thread');
  const [activated] = named('transition thread');
  expect(activated).toMatchObject({ parentSpanContext: { spanId: first?.spanContext().spanId } });
  const { connection, link } = connect();
  await connection.join('t');
  link.stall();
  await run(hub.thread('t').send(1));
  const [, publish] = named('publish thread');
  await clock.advance(100_000);
  const stalls = named('transition connection');
  expect(stalls.length).toBeGreaterThan(5);
  for (const { links } of stalls) expect(links).toMatchObject([{ context: publish?.spanContext() }]);
});

it('tells the client of a traced message under which span it was published, and links what a client publishes', async () => {
  const { hub, connect, run } = harness;
  const { connection, link } = connect();
  connection.on('message', ({ data, trace: traceLink }) => void hub.thread('t').send(data, { traceLink }));
  await connection.join('t');
  link.say({ t: 'pub', th: 't', id: 'a', d: 1, tp: FOREIGN });
  link.say({ t: 'pub', th: 't', id: 'b', d: 2, tp: `${FOREIGN}x` });
  link.say({ t: 'pub', th: 't', id: 'c', d: 3, tp: 7 });
  await run(Promise.resolve());
  const [a, b, c] = named('publish thread');
  expect(a?.links).toMatchObject([{ context: { traceId: FOREIGN.slice(3, 35), spanId: FOREIGN.slice(36, 52) } }]);
  expect(a?.parentSpanContext).toBeUndefined();
  expect([b?.links, c?.links]).toEqual([[], []]);
  const ids = a?.spanContext();
  expect(framesOf(link, 'msg')[0]).toMatchObject({ tp: `00-${ids?.traceId}-${ids?.spanId}-01` });
});

it('does nothing more for a fan-out that is not sampled', async () => {
  await harness.close();
  restart({}, new AlwaysOffSampler());
  const { hub, connect, run } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  await run(hub.thread('t').send({ a: 1 }));
  expect(exporter.getFinishedSpans()).toEqual([]);
  const [message] = framesOf(link, 'msg');
  expect(Object.keys(message ?? {})).toEqual(['t', 'th', 'o', 'id', 'ts', 'd']);
});

it('a client cannot force sampling', async () => {
  await harness.close();
  restart({}, new ParentBasedSampler({ root: new AlwaysOffSampler() }));
  await harness.run(harness.hub.thread('t').send(1, { traceLink: FOREIGN }));
  expect(exporter.getFinishedSpans()).toEqual([]);
});

it('goes on with the trace of an entry that another process has published', async () => {
  await harness.close();
  const log = memoryLog();
  restart({ log });
  const { hub, connect, clock, run } = harness;
  const { connection, link } = connect();
  await connection.join('t');
  const draft = { threadId: 't', lane: 'normal', key: undefined, expiresAt: Infinity } as const;
  await log.append({ ...draft, id: 'far', body: new SharedBody([Buffer.from('1')]), traceparent: FOREIGN });
  await clock.settle();
  const [process] = named('process thread');
  const origin = { traceId: FOREIGN.slice(3, 35), spanId: FOREIGN.slice(36, 52) };
  expect(process).toMatchObject({
    kind: SpanKind.CONSUMER,
    parentSpanContext: origin,
    links: [{ context: origin }],
    attributes: { 'threadcast.message.id': 'far', 'threadcast.recipients': 1, 'threadcast.written': 1 },
  });
  expect(named('send connection')).toMatchObject([{ parentSpanContext: { spanId: process?.spanContext().spanId } }]);
  expect(framesOf(link, 'msg')).toMatchObject([{ id: 'far', tp: FOREIGN }]);
  // one that resumes is linked to the publisher, in the other process
  const late = connect();
  exporter.reset();
  await run(late.connection.join('t', { from: 'start' }));
  expect(named('send connection')).toMatchObject([{ parentSpanContext: undefined, links: [{ context: origin }] }]);
  expect(hub.stats().gaps).toBe(0);
});

it('goes on with the trace of a volatile message of another process', async () => {
  await harness.close();
  const shared = new SharedLog(memoryLog());
  restart({ log: shared.node() });
  const { connection } = harness.connect();
  await harness.run(connection.join('t'));
  const body = new SharedBody([Buffer.from('1')]);
  const volatile = {
    threadId: 't',
    id: 'v',
    lane: 'volatile',
    body,
    expiresAt: Infinity,
    traceparent: FOREIGN,
  } as const;
  shared.node().notify?.('t', encodeVolatile(makeEntry(volatile, 0, 0), 0));
  await harness.clock.settle();
  const [process] = named('process thread');
  expect(process).toMatchObject({ parentSpanContext: { spanId: FOREIGN.slice(36, 52) } });
  expect(named('send connection')).toMatchObject([{ parentSpanContext: { spanId: process?.spanContext().spanId } }]);
});

it('links a catch-up to the publish of a message that this process has only read', async () => {
  await harness.close();
  const log = memoryLog();
  const draft = { threadId: 't', lane: 'normal', key: undefined, expiresAt: Infinity } as const;
  await log.append({ ...draft, id: 'old', body: new SharedBody([Buffer.from('1')]), traceparent: FOREIGN });
  restart({ log });
  const { connection } = harness.connect();
  await harness.run(connection.join('t', { from: 'start' }));
  expect(named('send connection')).toMatchObject([{ links: [{ context: { spanId: FOREIGN.slice(36, 52) } }] }]);
});

it('delivers and changes states though the span processor throws, and reports it', async () => {
  // a hub that begins has no listener yet
  caughtWarnings();
  await harness.close();
  const fails = (): never => {
    throw new Error('processor');
  };
  const done = (): Promise<void> => Promise.resolve();
  for (const [onStart, onEnd] of [
    [fails, () => {}],
    [() => {}, fails],
  ] as const) {
    const provider = new TracerProvider({ spanProcessors: [{ onStart, onEnd, forceFlush: done, shutdown: done }] });
    harness = makeHarness({ tracer: provider.getTracer('test') });
    const { hub, connect, run, clock, errors } = harness;
    const [one, two] = [connect(), connect()];
    await one.connection.join('t');
    await two.connection.join('t');
    two.link.stall();
    expect(await run(hub.thread('t').send('x'.repeat(600_000)))).toMatchObject({ recipients: 2, behind: 2 });
    expect(await run(hub.thread('t').send('next'))).toMatchObject({ written: 1, behind: 1 });
    await clock.advance(120_000);
    expect(two.connection.state).toBe('evicted');
    expect(framesOf(one.link, 'msg')).toHaveLength(2);
    expect(errors.length).toBeGreaterThan(5);
    expect(errors.every((error) => error instanceof Error && error.message === 'processor')).toBe(true);
    await harness.close();
  }
});

it('keeps nothing of the span and its context alive once the message is logged', async () => {
  const parent = trace.setSpan(
    ROOT_CONTEXT,
    trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }),
  );
  const held = new WeakRef(await published(harness, parent));
  await new Promise((resolve) => setImmediate(resolve));
  exporter.reset();
  globalThis.gc?.();
  expect(held.deref()).toBeUndefined();
  expect(harness.hub.stats().messagesPublished).toBe(1);
});

/** Publishes under a context that nobody holds afterwards but, perhaps, the hub. */
async function published({ hub, run }: Harness, parent: typeof ROOT_CONTEXT): Promise<object> {
  const traceContext = parent.setValue(Symbol('request'), {});
  await run(hub.thread('t').send(1, { traceContext }));
  return traceContext;
}
