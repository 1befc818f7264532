import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type Client, type ClientThread } from '../../src/client/index.ts';
import { RedisServer } from '../support/redis-server.ts';
import { Collector, type ReceivedSpan } from './support/collector.ts';
import { Demo } from './support/demo.ts';

const MAIN = new URL('../../examples/observability/main.ts', import.meta.url);

const collector = new Collector();
let redis: RedisServer | undefined;
const nodes: Demo[] = [];
const clients: Client[] = [];

beforeAll(async () => {
  await collector.start();
  redis = await RedisServer.start();
  const env = { ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: '100', REDIS_URL: redis.url };
  for (const name of ['a', 'b']) {
    const resource = { OTEL_RESOURCE_ATTRIBUTES: `service.instance.id=${name}` };
    nodes.push(new Demo(['--port=0', '--clients=0'], { ...env, ...resource }, MAIN));
  }
});

afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all(nodes.map((node) => node.kill()));
  await redis?.stop();
  collector.close();
});

async function join(node: number, user: string): Promise<{ client: Client; thread: ClientThread }> {
  const [, url = ''] = (await nodes[node]?.output(/(http:\S+)\/metrics/)) ?? [];
  const client = connect(`${url.replace('http', 'ws')}/?user=${user}`);
  clients.push(client);
  const thread = client.join('room-1');
  await new Promise<void>((resolve) => void thread.on('joined', () => resolve()));
  return { client, thread };
}

it('shows a message that crosses to another process as one trace', async () => {
  const [ada, bob] = await Promise.all([join(0, 'ada'), join(1, 'bob')]);
  const arrived = new Promise<string | undefined>(
    (resolve) => void bob.thread.on('message', ({ trace }) => resolve(trace)),
  );
  await ada.client.publish('room-1', 'hello over there');

  // what the other node tells its client is the publisher's span
  const [, traceId = '', publishId = ''] = /^00-(\w{32})-(\w{16})-01$/.exec((await arrived) ?? '') ?? [];
  const tree = await collector.until((spans) => {
    const own = spans.filter((span) => span.traceId === traceId);
    const names = own.map(({ name }) => name).toSorted();
    const all = ['process thread', 'publish thread', 'send connection', 'send connection', 'serialize'];
    return names.join() === all.join() ? own : undefined;
  });
  const find = (name: string, node: string): ReceivedSpan | undefined =>
    tree.find((span) => span.name === name && span.instance === node);
  expect(find('publish thread', 'a')).toMatchObject({ spanId: publishId, kind: 4, parentSpanId: undefined });
  expect(find('serialize', 'a')).toMatchObject({ parentSpanId: publishId });
  expect(find('send connection', 'a')).toMatchObject({ parentSpanId: publishId, links: [] });
  // its child, so that the sampling decision holds, and its link, so that it is seen as a delivery of another message's
  const process = find('process thread', 'b');
  expect(process).toMatchObject({ kind: 5, parentSpanId: publishId, links: [publishId] });
  expect(process?.attributes).toMatchObject({ 'threadcast.recipients': 1, 'threadcast.written': 1 });
  expect(find('send connection', 'b')).toMatchObject({ kind: 3, parentSpanId: process?.spanId, links: [] });
  const ids = tree.flatMap(({ attributes }) => attributes['threadcast.message.id'] ?? []);
  expect(new Set(ids).size).toBe(1);
});
