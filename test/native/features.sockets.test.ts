import { once } from 'node:events';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/index.ts';
import type { Hub, HubOptions } from '../../src/index.ts';
import { serveWs, type WsServer } from '../support/ws-server.ts';
import { nativeHub } from './fixtures/native-hub.ts';

// the path that these tests are about, whatever the run has chosen
beforeEach(() => void vi.stubEnv('THREADCAST_SENDER', ''));
afterEach(() => void vi.unstubAllEnvs());

const MANY = 20;

const flown = (hub: Hub): number => hub.stats().nativeWrites;

async function serve(options: Parameters<typeof serveWs>[0] = {}): Promise<WsServer> {
  const server = await serveWs(options);
  onTestFinished(() => server.close());
  return server;
}

/** Clients of this package in the thread `t`, and what each has got. */
async function joined(server: WsServer): Promise<{ got: unknown[]; parts: { most: number } }[]> {
  const clients = Array.from({ length: MANY }, async () => {
    const client = connect(server.url);
    onTestFinished(() => client.close());
    const parts = { most: 0 };
    const thread = client.join('t', { onProgress: (progress) => (parts.most = Math.max(parts.most, progress.parts)) });
    const got: unknown[] = [];
    thread.on('message', ({ data }) => got.push(data));
    await new Promise<void>((resolve) => void thread.on('joined', () => resolve()));
    return { got, parts };
  });
  return Promise.all(clients);
}

it('big messages in parts', async () => {
  const server = await serve();
  const clients = await joined(server);
  const before = flown(server.hub);
  const big = { text: 'abcdefghij'.repeat(100_000) };
  const small = Array.from({ length: 10 }, (_, i) => `critical ${i}`);
  await server.hub.thread('t').send(big);
  for (const text of small) await server.hub.thread('t').send(text, { lane: 'critical' });
  await expect.poll(() => clients.every(({ got }) => got.length === 11)).toBe(true);
  for (const { got, parts } of clients) {
    expect(got.filter((data) => typeof data === 'string')).toEqual(small);
    expect(got.find((data) => typeof data === 'object')).toEqual(big);
    expect(parts.most).toBeGreaterThan(2);
  }
  // how many of the critical ones fly depends on how fast the parts leave: small ones go on until more have than there are clients
  let after = 0;
  const flownThen = async (): Promise<number> => {
    await server.hub.thread('t').send(after++);
    return flown(server.hub);
  };
  await expect.poll(flownThen).toBeGreaterThan(before + MANY);
  await expect.poll(() => clients.every(({ got }) => got.length === 11 + after)).toBe(true);
});

it('catch-ups of clients that come back together, while others are sent new ones', async () => {
  const server = await serve();
  const { hub } = server;
  const clients = await joined(server);
  const before = flown(hub);
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await hub.thread('t').send(sent++);
  };
  await send(20);
  for (let round = 0; round < 3; round++) {
    // half of the clients have to come back
    for (const connection of [...hub.connections].filter((_, i) => i % 2 === 0)) connection.close(1012, 'again');
    await send(200);
  }
  await expect.poll(() => clients.every(({ got }) => got.length === sent)).toBe(true);
  for (const { got } of clients) expect(got).toEqual(Array.from({ length: sent }, (_, i) => i));
  expect(flown(hub)).toBeGreaterThan(before + 20 * MANY);
});

it('what ws has negotiated to compress', async () => {
  const { hub, url } = await serve({
    ws: { perMessageDeflate: { threshold: 0 } },
    accept: { format: 'plain' },
  });
  const got: string[][] = [];
  for (let i = 0; i < MANY; i++) {
    const socket = new WebSocket(url, { perMessageDeflate: i % 2 === 0 });
    onTestFinished(() => socket.terminate());
    const texts: string[] = [];
    got.push(texts);
    socket.on('message', (data: Buffer) => texts.push(data.toString()));
    await once(socket, 'open');
  }
  await expect.poll(() => hub.stats().connections.total).toBe(MANY);
  for (const connection of hub.connections) await connection.join('t');
  const expected: string[] = [];
  for (let i = 0; i < 100; i++) {
    const text = `${i} ${'compress me '.repeat(i)}`;
    expected.push(JSON.stringify(text));
    await hub.thread('t').send(text);
  }
  await expect.poll(() => got.every((texts) => texts.length === 100)).toBe(true);
  for (const texts of got) expect(texts).toEqual(expected);
});

it('a span for each delivery, as many as deliveries', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const options: HubOptions = { tracer: provider.getTracer('test') };
  const { hub, pairs } = await nativeHub(MANY, options);
  const before = flown(hub);
  for (let i = 0; i < 10; i++) await hub.thread('t').send(i);
  await expect.poll(() => pairs.every(({ connection }) => connection.stats.unsentBytes === 0)).toBe(true);
  expect(flown(hub)).toBeGreaterThan(before + MANY);
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  const publishes = new Set(named('publish thread').map((span) => span.spanContext().spanId));
  const sends = named('send connection');
  expect(publishes.size).toBe(10);
  expect(sends).toHaveLength(10 * MANY);
  for (const span of sends) {
    const causes = [span.parentSpanContext, ...span.links.map(({ context }) => context)];
    expect(causes.some((cause) => cause !== undefined && publishes.has(cause.spanId))).toBe(true);
  }
});
