import { growth, level, quantile } from './queries.ts';

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** A unit of Grafana's. */
  readonly unit: string;
  readonly description: string;
  readonly queries: readonly Query[];
}

const SCOPE = { labels: 'job=~"$job"', window: '$__rate_interval' };

const total = (expression: string): string => `sum by (job) (${expression})`;
const perSecond = (name: string, unit: '' | '_bytes' = ''): string => total(growth('rate', name, SCOPE, unit));
const perMinute = (name: string): string => `${total(growth('rate', name, SCOPE))} * 60`;
const now = (name: string, unit: '' | '_bytes' | '_seconds' | '_ratio' = ''): string => level(name, SCOPE, unit);
const percentile = (q: number, name: string, by: readonly string[] = ['job'], unit: '' | '_seconds' = '_seconds') =>
  quantile(q, name, SCOPE, { by, unit });

const PANELS: readonly Panel[] = [
  {
    title: 'Stalls, per minute',
    unit: 'short',
    description:
      'Alerts above 100 timeouts and 10 failures. Where the event loop is late as well, it is this process and not the peers. Failures end in evictions: watch gaps.',
    queries: [
      { expr: perMinute('threadcast.send.timeouts'), legend: 'timeouts {{job}}' },
      { expr: perMinute('threadcast.timeout.retries'), legend: 'retries {{job}}' },
      { expr: perMinute('threadcast.timeout.failures'), legend: 'failures {{job}}' },
    ],
  },
  {
    title: 'Serialization, p95 by strategy',
    unit: 's',
    description:
      'Alerts above 100 ms over all strategies. A high queue wait asks for more workers; pooled without it, the recipes are slow; sliced, messages are too big.',
    queries: [
      {
        expr: percentile(0.95, 'threadcast.serialization.duration', ['job', 'threadcast_strategy']),
        legend: '{{threadcast_strategy}} {{job}}',
      },
      { expr: percentile(0.95, 'threadcast.serialization.duration'), legend: 'all {{job}}' },
      { expr: percentile(0.95, 'threadcast.serialization.queue_wait'), legend: 'queue wait {{job}}' },
    ],
  },
  {
    title: 'Connections by state',
    unit: 'short',
    description:
      'retrying and tripped: their peers take nothing. A few are phones; many in all processes at once are the network, in one process its event loop.',
    queries: [{ expr: `sum by (threadcast_state) (${now('threadcast.connections')})`, legend: '{{threadcast_state}}' }],
  },
  {
    title: 'Turnover, per second',
    unit: 'ops',
    description:
      'Accepted and ended together are a reconnect storm. Gaps: clients have missed messages, so the log is too short for how long they stay away. Refused: handshakes that were turned away; the reason is an attribute.',
    queries: [
      { expr: perSecond('threadcast.connections_accepted'), legend: 'accepted {{job}}' },
      { expr: perSecond('threadcast.connections_evicted'), legend: 'ended {{job}}' },
      { expr: perSecond('threadcast.resumes'), legend: 'resumes {{job}}' },
      { expr: perSecond('threadcast.gaps'), legend: 'gaps {{job}}' },
      { expr: perSecond('threadcast.handshakes_refused'), legend: 'refused {{job}}' },
    ],
  },
  {
    title: 'Messages, per second',
    unit: 'ops',
    description:
      'Published once, handed to many sockets. Refused: their senders got a coded error; with Redis, look whether the log is lost.',
    queries: [
      { expr: perSecond('threadcast.published'), legend: 'published {{job}}' },
      { expr: perSecond('threadcast.sent'), legend: 'sent {{job}}' },
      { expr: perSecond('threadcast.publish.failures'), legend: 'refused {{job}}' },
      { expr: perSecond('threadcast.volatile.dropped'), legend: 'volatile, dropped {{job}}' },
    ],
  },
  {
    title: 'Values, per second',
    unit: 'ops',
    description: 'Changes of values, and the frames that tell them: members at the same place share a frame.',
    queries: [
      { expr: perSecond('threadcast.values.changes'), legend: 'changes {{job}}' },
      { expr: perSecond('threadcast.values.frames'), legend: 'frames {{job}}' },
    ],
  },
  {
    title: 'Remembered answers',
    unit: 'short',
    description:
      'Answers of onPublish in the memory of the process, of the last ten minutes; none where Redis or Postgres holds them.',
    queries: [
      { expr: total(now('threadcast.answers.held')), legend: 'answers {{job}}' },
      { expr: total(now('threadcast.answers.held.size', '_bytes')), legend: 'bytes {{job}}' },
    ],
  },
  {
    title: 'Answers and orders, per second',
    unit: 'ops',
    description:
      'Answers that were remembered, retries that got one of them, and calls of hub.user().close() and leave().',
    queries: [
      { expr: perSecond('threadcast.answers.remembered'), legend: 'remembered {{job}}' },
      { expr: perSecond('threadcast.answers.repeated'), legend: 'given to retries {{job}}' },
      { expr: perSecond('threadcast.user.orders'), legend: 'orders about users {{job}}' },
    ],
  },
  {
    title: 'Bytes to sockets, per second',
    unit: 'Bps',
    description: 'Frame headers included. Near the bandwidth of the machine, send less or compress.',
    queries: [{ expr: perSecond('threadcast.sent.size', '_bytes'), legend: '{{job}}' }],
  },
  {
    title: 'Behind',
    unit: 'short',
    description: 'Catching up after a stall is normal. Near the maxEntries of the log, gaps are next: raise it.',
    queries: [
      { expr: total(now('threadcast.subscriptions.behind')), legend: 'subscriptions behind {{job}}' },
      { expr: `max by (job) (${now('threadcast.behind.entries')})`, legend: 'entries, worst {{job}}' },
    ],
  },
  {
    title: 'Behind, for how long',
    unit: 's',
    description:
      'Age of the oldest message that a connection still waits for. Beyond the maxAgeMs of the log, gaps are next.',
    queries: [{ expr: `max by (job) (${now('threadcast.behind.age', '_seconds')})`, legend: '{{job}}' }],
  },
  {
    title: 'Fan-out, duration',
    unit: 's',
    description:
      'From the log to the last connection. It grows with the size; where it grows without, the process lacks CPU.',
    queries: [
      { expr: percentile(0.5, 'threadcast.fanout.duration'), legend: 'p50 {{job}}' },
      { expr: percentile(0.99, 'threadcast.fanout.duration'), legend: 'p99 {{job}}' },
    ],
  },
  {
    title: 'Fan-out, connections',
    unit: 'short',
    description: 'Connections that a message was offered to: what the duration beside it is to be read with.',
    queries: [
      { expr: percentile(0.5, 'threadcast.fanout.size', ['job'], ''), legend: 'p50 {{job}}' },
      { expr: percentile(0.99, 'threadcast.fanout.size', ['job'], ''), legend: 'p99 {{job}}' },
    ],
  },
  {
    title: 'Event loop',
    unit: 's',
    description:
      'The worst of the last minute. Late without being held by threadcast: take a CPU profile of your own code.',
    queries: [
      { expr: `max by (job) (${now('threadcast.loop.block', '_seconds')})`, legend: 'held by threadcast {{job}}' },
      { expr: `max by (job) (${now('threadcast.loop.late', '_seconds')})`, legend: 'late {{job}}' },
    ],
  },
  {
    title: 'Pressure',
    unit: 'percentunit',
    description: 'At 100 % sends are refused. Above 70 % for long: more processes.',
    queries: [{ expr: `max by (job) (${now('threadcast.pressure', '_ratio')})`, legend: '{{job}}' }],
  },
  {
    title: 'Token streams',
    unit: 'short',
    description:
      'Under way, and frames of them. Streams without frames: whoever writes them has stopped and never ended them.',
    queries: [
      { expr: total(now('threadcast.streams')), legend: 'streams {{job}}' },
      { expr: perSecond('threadcast.streams.frames'), legend: 'frames per second {{job}}' },
    ],
  },
  {
    title: 'Serializer and workers',
    unit: 'short',
    description: 'Recipes queued wait for a worker: raise serializer.workers up to the cores, then take more machines.',
    queries: [
      { expr: total(now('threadcast.serializing')), legend: 'serializing {{job}}' },
      { expr: total(now('threadcast.recipes.queued')), legend: 'recipes queued {{job}}' },
      {
        expr: `sum by (job, threadcast_state) (${now('threadcast.workers')})`,
        legend: 'workers {{threadcast_state}} {{job}}',
      },
    ],
  },
  {
    title: 'Held',
    unit: 'short',
    description:
      'Segments are of 256 KiB; they follow what the logs keep. Threads that only grow: ids are made for one use each.',
    queries: [
      { expr: total(now('threadcast.threads')), legend: 'threads {{job}}' },
      { expr: total(now('threadcast.subscriptions')), legend: 'subscriptions {{job}}' },
      { expr: total(now('threadcast.segments')), legend: 'segments {{job}}' },
    ],
  },
  {
    title: 'Native sender',
    unit: 'short',
    description:
      'Flights that have not landed, and for how many seconds there have been some without a break. Where that grows, its thread has no core.',
    queries: [
      { expr: total(now('threadcast.sender.flights')), legend: 'flights {{job}}' },
      { expr: total(now('threadcast.sender.lag', '_seconds')), legend: 'lag in seconds {{job}}' },
    ],
  },
  {
    title: 'Errors, per minute',
    unit: 'short',
    description:
      'What threw without anybody to catch it, by code; other is your own code. logs lost: processes that cannot reach Redis, see docs/scaling.md.',
    queries: [
      {
        expr: `sum by (job, threadcast_error_code) (${growth('rate', 'threadcast.errors', SCOPE)}) * 60`,
        legend: '{{threadcast_error_code}} {{job}}',
      },
      { expr: total(now('threadcast.logs.lost')), legend: 'logs lost {{job}}' },
    ],
  },
];

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const [WIDTH, HEIGHT] = [12, 8];

/** The dashboard as Grafana imports it. */
export function dashboard(): string {
  const json = {
    uid: 'threadcast',
    title: 'threadcast',
    tags: ['threadcast'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'job',
          type: 'query',
          label: 'Job',
          datasource: DATASOURCE,
          query: 'label_values(threadcast_connections, job)',
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.+',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: PANELS.map(({ title, unit, description, queries }, i) => ({
      id: i + 1,
      type: 'timeseries',
      title,
      description,
      datasource: DATASOURCE,
      gridPos: { x: (i % 2) * WIDTH, y: Math.floor(i / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: 'never' } }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
      targets: queries.map(({ expr, legend }, j) => ({
        refId: String.fromCodePoint(65 + j),
        datasource: DATASOURCE,
        expr,
        legendFormat: legend,
      })),
    })),
  };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** Every expression of the dashboard with Grafana's variables filled in. */
export function dashboardExpressions(window: string, job: string): readonly string[] {
  const filled = (expr: string): string => expr.replaceAll('$__rate_interval', window).replaceAll('$job', job);
  return PANELS.flatMap(({ queries }) => queries.map(({ expr }) => filled(expr)));
}
