import { context, trace, SpanKind } from '@opentelemetry/api';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { UIMessageChunk } from 'ai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { END, START } from './chat-server.ts';
import { LocalContexts } from './local-contexts.ts';
import { startVirtualChat } from './virtual-chat.ts';

class OnDemand extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

beforeEach(() => context.setGlobalContextManager(new LocalContexts()));
afterEach(() => context.disable());

const PARENT = '0af7651916cd43dd8448eb211c80319c';

function start(run: (tracer: ReturnType<TracerProvider['getTracer']>) => AsyncIterable<UIMessageChunk>) {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('test');
  const reader = new OnDemand();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  const histogram = async (name: string): Promise<object | undefined> => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const point = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints[0];
    return point && { attributes: point.attributes, ...Object(point.value) };
  };
  return { chat: startVirtualChat({ run: () => run(tracer) }, { tracer, meter }), named, histogram };
}

test('one trace has the request, the model call and the delivery of the answer; the client is a link', async () => {
  const { chat, named, histogram } = start(async function* (tracer) {
    const model = tracer.startSpan('chat gpt');
    yield* START;
    for (let i = 0; i < 100; i++) yield { type: 'text-delta', id: 't', delta: 'word ' };
    yield* END;
    model.end();
  });
  const { ask, clock } = await chat;
  await ask('1', { tp: `00-${PARENT}-b7ad6b7169203331-01` });
  await clock.advance(1_000);
  const [answer] = named('answer chat');
  expect(answer).toMatchObject({
    kind: SpanKind.SERVER,
    attributes: {
      'gen_ai.conversation.id': 'c',
      'threadcast.thread.id': 'chat:c',
      'threadcast.chat.trigger': 'submit-message',
      'threadcast.chat.outcome': 'finished',
      'threadcast.chat.chunks': 106,
      'threadcast.chat.viewers': 1,
    },
    links: [{ context: { traceId: PARENT } }],
  });
  const { traceId, spanId } = answer?.spanContext() ?? {};
  expect(traceId).not.toBe(PARENT);
  expect(named('chat gpt')).toMatchObject([{ parentSpanContext: { traceId, spanId } }]);
  const published = named('publish thread').filter((span) => span.parentSpanContext?.spanId === spanId);
  expect(published).toHaveLength(1);
  const sends = named('send connection').filter((span) => span.spanContext().traceId === traceId);
  expect(sends).toMatchObject([{ parentSpanContext: { spanId: published[0]?.spanContext().spanId } }]);
  expect(await histogram('threadcast.chat.chunks')).toMatchObject({ count: 1, sum: 106 });
  expect(await histogram('threadcast.chat.viewers')).toMatchObject({ count: 1, sum: 1 });
  expect(await histogram('threadcast.chat.duration')).toMatchObject({
    count: 1,
    attributes: { 'threadcast.chat.outcome': 'finished' },
  });
  expect(await histogram('threadcast.chat.time_to_first_chunk')).toMatchObject({ count: 1 });
  const ratio = await histogram('threadcast.chat.folded_ratio');
  expect(ratio).toMatchObject({ count: 1 });
  expect(Reflect.get(ratio ?? {}, 'sum')).toBeLessThan(0.2);
});

test('a failure marks the answer, with the error, which viewers do not see', async () => {
  const { chat, named, histogram } = start(async function* () {
    yield* START;
    throw new RangeError('secret');
  });
  const { ask, clock, link } = await chat;
  await ask('1');
  await clock.advance(1_000);
  expect(named('answer chat')).toMatchObject([
    { status: { message: 'secret' }, attributes: { 'error.type': 'RangeError', 'threadcast.chat.outcome': 'failed' } },
  ]);
  expect(await histogram('threadcast.chat.duration')).toMatchObject({
    attributes: { 'threadcast.chat.outcome': 'failed' },
  });
  expect(link.received.join()).not.toContain('secret');
  expect(trace.getActiveSpan()).toBeUndefined();
});
