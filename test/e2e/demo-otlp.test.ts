import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { Demo, isRecord } from './support/demo.ts';

let demo: Demo | undefined;
const collector = createServer();
afterEach(async () => {
  await demo?.kill();
  collector.close();
});

async function take(request: IncomingMessage, spans: Record<string, unknown>[]): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  spans.push(...within(within(within([body], 'resourceSpans'), 'scopeSpans'), 'spans').filter(isRecord));
}

/** All objects within a list of objects under a name, as OTLP nests them. */
function within(values: readonly unknown[], name: string): unknown[] {
  return values.flatMap((value) => (isRecord(value) && Array.isArray(value[name]) ? value[name] : []));
}

it('exports its traces to the collector that the environment names', async () => {
  const spans: Record<string, unknown>[] = [];
  const paths = new Set<string | undefined>();
  collector.on('request', (request, response) => {
    paths.add(request.url);
    void take(request, spans).then(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const address = collector.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  demo = new Demo(['--once', '--healthy=2', '--slow=0', '--stopped=0', '--speed=5'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  expect((await demo.ended).code).toBe(0);

  expect([...paths]).toEqual(['/v1/traces']);
  const names = new Set(spans.map(({ name }) => name));
  expect([...names]).toEqual(expect.arrayContaining(['publish thread', 'send connection', 'transition connection']));
  // a delivery belongs to the trace of its message
  const send = spans.find(({ name }) => name === 'send connection');
  const publish = spans.find(({ spanId }) => spanId === send?.['parentSpanId']);
  expect(publish).toMatchObject({ name: 'publish thread', traceId: send?.['traceId'] });
});
