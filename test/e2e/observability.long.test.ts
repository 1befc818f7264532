import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { alertRules } from '../../examples/observability/alerts.ts';
import { dashboardExpressions } from '../../examples/observability/dashboard.ts';
import { stalledClient } from '../../examples/observability/traffic.ts';
import { connect, type Client, type Message } from '../../src/client/index.ts';
import { Collector, type ReceivedSpan } from './support/collector.ts';
import { Demo } from './support/demo.ts';
import { Prometheus } from './support/prometheus.ts';

const MAIN = new URL('../../examples/observability/main.ts', import.meta.url);

/** What the rules look at here: the thresholds of a minute are scaled to it. */
const WINDOW_SECONDS = 5;

const ALERTS = ['ThreadcastSendTimeouts', 'ThreadcastSlowSerialization', 'ThreadcastTimeoutFailures'];

/** A span in the page of a client's user. */
const PAGE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

const collector = new Collector();
let app: Demo;
let prometheus: Prometheus;
let url: string;
const clients: Client[] = [];

beforeAll(async () => {
  await collector.start();
  const env = { ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: '100' };
  app = new Demo(['--port=0', '--clients=0', '--impatient'], env, MAIN);
  const [, target = ''] = await app.output(/http:\/\/(\S+)\/metrics/);
  url = `ws://${target}`;
  prometheus = await Prometheus.start({
    target,
    rules: alertRules({ windowSeconds: WINDOW_SECONDS, intervalSeconds: 0.5 }),
  });
});

afterAll(async () => {
  for (const client of clients) client.close();
  await prometheus?.end();
  await app?.kill();
  collector.close();
});

function client(user: string): Client {
  const made = connect(`${url}/?user=${user}`);
  clients.push(made);
  return made;
}

async function next(thread: ReturnType<Client['join']>): Promise<Message> {
  const { promise, resolve } = Promise.withResolvers<Message>();
  const off = thread.on('message', resolve);
  const message = await promise;
  off();
  return message;
}

const joined = (thread: ReturnType<Client['join']>): Promise<void> =>
  new Promise((resolve) => void thread.on('joined', () => resolve()));

it('shows one message as a tree, from the page that published it to the clients that got it', async () => {
  const rooms = ['ada', 'bob', 'eve'].map((user) => client(user).join('room-1'));
  await Promise.all(rooms.map(joined));
  const arrived = Promise.all(rooms.map(next));
  const trace = `00-${PAGE.traceId}-${PAGE.spanId}-00`;
  await clients[0]?.publish('room-1', { report: { rows: 2_000, databaseMs: 20 } }, { trace });
  const [message] = await arrived;

  // what the client is told is the publish span
  const [, traceId = '', publishId = ''] = /^00-(\w{32})-(\w{16})-01$/.exec(message?.trace ?? '') ?? [];
  const tree = await collector.until((spans) => {
    const own = spans.filter((span) => span.traceId === traceId);
    return own.length === 6 ? own : undefined;
  });
  const one = (name: string): ReceivedSpan => {
    const [span] = tree.filter((each) => each.name === name);
    if (span === undefined) throw new Error(`no span ${name}`);
    return span;
  };
  const [publish, serialize, worker] = [one('publish thread'), one('serialize'), one('worker')];
  expect(publish).toMatchObject({ spanId: publishId, kind: 4, parentSpanId: undefined, links: [PAGE.spanId] });
  expect(publish.attributes).toMatchObject({ 'threadcast.recipients': 3, 'threadcast.written': 3 });
  expect(serialize).toMatchObject({
    parentSpanId: publishId,
    kind: 1,
    attributes: { 'threadcast.strategy': 'pooled' },
  });
  expect(worker).toMatchObject({ parentSpanId: serialize.spanId, kind: 1 });
  // the recipe waited 20 ms for its database; clocks of milliseconds
  expect(worker.attributes['threadcast.worker.build_ms']).toBeGreaterThanOrEqual(18);
  expect(worker.endMs - worker.startMs).toBeGreaterThanOrEqual(18);
  expect(worker.startMs).toBeGreaterThanOrEqual(serialize.startMs - 1);
  expect(worker.endMs).toBeLessThanOrEqual(serialize.endMs + 1);
  const sends = tree.filter(({ name }) => name === 'send connection');
  expect(sends.map(({ parentSpanId, kind }) => [parentSpanId, kind])).toEqual([1, 2, 3].map(() => [publishId, 3]));
  expect(new Set(sends.map(({ attributes }) => attributes['threadcast.connection.id'])).size).toBe(3);

  // one that comes later is a trace of its own, linked to the publish
  client('late').join('room-1', { from: 'start' });
  const late = await collector.until((spans) =>
    spans.find((span) => span.name === 'send connection' && span.traceId !== traceId),
  );
  expect(late).toMatchObject({ links: [publishId], parentSpanId: undefined });
});

it('shows the transition that a message leads to in its tree, and a stall with a link to the message before it', async () => {
  // nobody is in there: the message wakes the thread
  await clients[0]?.publish('room-empty', 'hello');
  const woken = await collector.until((spans) =>
    spans.find(({ name, parentSpanId }) => name === 'transition thread' && parentSpanId !== undefined),
  );
  const cause = await collector.until((spans) => spans.find(({ spanId }) => spanId === woken.parentSpanId));
  expect(cause).toMatchObject({ name: 'publish thread', traceId: woken.traceId });
  expect(woken.attributes).toMatchObject({ 'threadcast.state.from': 'idle', 'threadcast.state.to': 'live' });

  const silent = stalledClient(`${url}/?user=silent&thread=room-2`);
  await once(silent, 'open');
  const room = clients[0]?.join('room-2');
  if (room === undefined) throw new Error('no client');
  await joined(room);
  await clients[0]?.publish('room-2', 'are you there?');
  const stall = await collector.until((spans) =>
    spans.find(({ attributes }) => attributes['threadcast.state.to'] === 'retrying.backingOff'),
  );
  const before = await collector.until((spans) => spans.find(({ spanId }) => spanId === stall.links[0]));
  expect(before).toMatchObject({ name: 'publish thread', attributes: { 'threadcast.thread.id': 'room-2' } });
  silent.terminate();
});

it('rings each of the three alerts on a live hub, and they end; every panel of the dashboard has an answer', async () => {
  const silent: WebSocket[] = Array.from({ length: 20 }, (_, i) => stalledClient(`${url}/?user=s${i}&thread=room-3`));
  await Promise.all(silent.map((socket) => once(socket, 'open')));
  const publishing = setInterval(() => {
    void clients[0]?.publish('room-3', 'a small message');
    void clients[0]?.publish('room-3', { report: { rows: 10, databaseMs: 150 } });
  }, 200);
  try {
    await prometheus.until(async () => (await prometheus.firing()).toSorted().join() === ALERTS.join());

    const unanswered = async (): Promise<unknown[]> => {
      const answers = await Promise.all(
        dashboardExpressions(`${WINDOW_SECONDS}s`, 'live').map(async (expression) => ({
          expression,
          samples: await prometheus.query(expression),
        })),
      );
      return answers.filter(({ samples }) => samples.length === 0 || samples.some(({ value }) => !(value >= 0)));
    };
    // a rate needs two scrapes within its window, which a busy machine may miss
    await expect.poll(unanswered).toEqual([]);
    // they are probed now and then, which is another state
    const retrying = async (): Promise<number> => {
      const [sum] = await prometheus.query('sum(threadcast_connections{threadcast_state="retrying"})');
      return sum?.value ?? 0;
    };
    await expect.poll(retrying).toBeGreaterThan(10);
  } finally {
    clearInterval(publishing);
    for (const socket of silent) socket.terminate();
  }
  await prometheus.until(async () => (await prometheus.firing()).length === 0);
});
