import { afterEach, expect, it } from 'vitest';
import { Collector } from './support/collector.ts';
import { Demo } from './support/demo.ts';

let demo: Demo | undefined;
const collector = new Collector();
afterEach(async () => {
  await demo?.kill();
  collector.close();
});

it('exports its traces to the collector that the environment names', async () => {
  await collector.start();
  demo = new Demo(['--once', '--healthy=2', '--slow=0', '--stopped=0', '--speed=5'], collector.environment);
  expect((await demo.ended).code).toBe(0);

  expect([...collector.paths]).toEqual(['/v1/traces']);
  const { spans } = collector;
  const names = new Set(spans.map(({ name }) => name));
  expect([...names]).toEqual(expect.arrayContaining(['publish thread', 'send connection', 'transition connection']));
  // a delivery belongs to the trace of its message
  const send = spans.find(({ name }) => name === 'send connection');
  const publish = spans.find(({ spanId }) => spanId === send?.parentSpanId);
  expect(publish).toMatchObject({ name: 'publish thread', traceId: send?.traceId });
});
