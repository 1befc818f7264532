import { context, SpanKind } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { UIMessage } from 'ai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeLink } from '../../src/testing/index.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';
import { collect, END, resume, send, START, startChat, Tap } from './chat-server.ts';
import { startClients } from './client-harness.ts';
import { LocalContexts } from './local-contexts.ts';

beforeEach(() => context.setGlobalContextManager(new LocalContexts()));
afterEach(() => context.disable());

/** The telemetry of one process. */
function startTelemetry() {
  const exporter = new InMemorySpanExporter();
  const tracer = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }).getTracer('node');
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { tracer, named };
}

test('one trace goes from the request over the model call to viewers of another node', async () => {
  const redis = await startRedis();
  const [here, there] = [startTelemetry(), startTelemetry()];
  const taps: Tap[] = [];
  const asked = await startClients(
    {
      run() {
        const tap = new Tap();
        taps.push(tap);
        async function* answer() {
          const model = here.tracer.startSpan('chat model');
          yield* tap;
          model.end();
        }
        return answer();
      },
    },
    { log: startLog({ url: redis.url }), tracer: here.tracer },
  );
  const options = { run: () => new Tap() };
  const other = await startClients(options, { log: startLog({ url: redis.url }), tracer: there.tracer });
  const [first, viewer] = [await asked.tab(), await other.tab()];
  const sent = first.chat.sendMessage({ text: 'question' });
  await expect.poll(() => taps.length).toBe(1);
  taps[0]?.push(...START);
  taps[0]?.text('word ');
  const textOf = (messages: readonly UIMessage[]): string => JSON.stringify(messages.at(-1)?.parts ?? []);
  await expect.poll(() => textOf(viewer.chat.messages)).toContain('word ');
  taps[0]?.push(...END);
  taps[0]?.end();
  await sent;
  await expect.poll(() => viewer.chat.status).toBe('ready');
  await expect.poll(() => here.named('answer chat').length).toBe(1);
  const answer = here.named('answer chat')[0]?.spanContext();
  const own = { traceId: answer?.traceId, spanId: answer?.spanId };
  expect(here.named('chat model')).toMatchObject([{ parentSpanContext: own }]);
  const [published] = here
    .named('publish thread')
    .filter(({ parentSpanContext: parent }) => parent?.spanId === own.spanId);
  expect(published?.spanContext().traceId).toBe(own.traceId);
  const deliveries = () => there.named('send connection').filter((span) => span.spanContext().traceId === own.traceId);
  await expect.poll(() => deliveries().length).toBe(1);
  // the other node takes the message over: a child of its publication, and a link to it
  const publication = { traceId: own.traceId, spanId: published?.spanContext().spanId };
  const [taken] = there.named('process thread').filter((span) => span.spanContext().traceId === own.traceId);
  expect(taken).toMatchObject({
    kind: SpanKind.CONSUMER,
    parentSpanContext: publication,
    links: [{ context: publication }],
  });
  expect(deliveries()).toMatchObject([{ parentSpanContext: { spanId: taken?.spanContext().spanId } }]);
  expect(there.named('answer chat')).toEqual([]);
  expect([...asked.errors, ...other.errors]).toEqual([]);
});

test('a viewer of another node on the socket of the stock transport is in the trace of the answer', async () => {
  const redis = await startRedis();
  const [here, there] = [startTelemetry(), startTelemetry()];
  const tap = new Tap();
  const making = await startChat({ run: () => tap }, { log: startLog({ url: redis.url }), tracer: here.tracer });
  const following = await startChat(
    { run: () => new Tap() },
    { log: startLog({ url: redis.url }), tracer: there.tracer },
  );
  const sender = collect(await send(making.transport()));
  tap.push(...START);
  tap.text('word ');
  await expect.poll(() => sender.text).toBe('word ');
  // the word may be at the sender before the other node has heard of the stream
  const link = new FakeLink();
  following.hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: 'chat:c', codecs: ['ui-message'], late: true });
  await expect.poll(() => link.received.join()).toContain('word ');
  const viewer = collect(await resume(following.transport()));
  await expect.poll(() => viewer.text).toBe('word ');
  tap.push(...END);
  tap.end();
  await Promise.all([sender.over, viewer.over]);
  await expect.poll(() => [here.named('answer chat').length, there.named('follow answer').length]).toEqual([1, 1]);
  const own = here.named('answer chat')[0]?.spanContext();
  const inTrace = { parentSpanContext: { traceId: own?.traceId, spanId: own?.spanId } };
  expect(here.named('follow answer')).toMatchObject([inTrace]);
  expect(there.named('follow answer')).toMatchObject([{ ...inTrace, attributes: { 'threadcast.outcome': 'over' } }]);
  expect([...making.errors, ...following.errors]).toEqual([]);
});
