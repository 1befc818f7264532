import type { CompressedResult } from '../measure/compressed.ts';
import type { GrowthResult } from '../measure/growth.ts';
import type { HugeResult } from '../measure/huge.ts';
import type { LatencyResult } from '../measure/latency.ts';
import type { LayersResult } from '../measure/layers.ts';
import type { Series } from '../measure/ring.ts';
import type { StalledResult } from '../measure/stalled.ts';
import { format, median, pairedRatio } from '../statistics.ts';
import type { Section, Table } from './section.ts';
import { columnsOf, namesIn, type Names } from './columns.ts';

export function latencySection({ rows, failures }: LatencyResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn(rows.map(({ p50 }) => p50)));
  return {
    title: 'Latency at a fixed rate',
    text:
      'Messages of 1 KB, milliseconds from the moment at which they were due until a client has read them: p50 / p99 / p999 of a ' +
      'round, medians of the rounds. With so many connections the last one is always as late as the whole loop takes.',
    tables: [
      {
        head: ['load', ...head],
        rows: rows.map(({ connections, perSecond, p50, p99, p999 }) => [
          `${connections} connections, ${perSecond}/s`,
          ...cells((name) => [p50, p99, p999].map((series) => middle(series, name)).join(' / ')),
        ]),
      },
    ],
    targets: [],
    charts: [],
    failures,
  };
}

export function stalledSection({ connections, owedMb, rows, failures }: StalledResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn(rows.map(({ growthMb }) => growthMb)));
  const table = (what: string, cell: (row: (typeof rows)[number], name: string) => string): Table => ({
    head: [what, ...head],
    rows: rows.map((row) => [`${row.percent} % (${row.stalled})`, ...cells((name) => cell(row, name))]),
  });
  return {
    title: 'Stalled connections',
    text:
      `Messages of 10 KB to ${connections} connections, of which some read nothing, until each of these is owed ${owedMb} MB; the ` +
      'kernel keeps some 4 MB of that. A fresh process each, one run.',
    tables: [
      table('stalled: memory grown by, MB', (row, name) => middle(row.growthMb, name)),
      table('stalled: p99 of the healthy, ms, without -> with', (row, name) =>
        row.p99With.has(name) ? `${middle(row.p99Without, name)} -> ${middle(row.p99With, name)}` : '-',
      ),
    ],
    targets: [],
    charts: [],
    failures,
  };
}

export function hugeSection({ rows, failures }: HugeResult, names: Names): Section {
  const ours = rows.filter(({ name }) => name === 'threadcast');
  const longest = Math.max(...ours.map(({ longestMs }) => longestMs));
  return {
    title: '50 MB while small messages flow',
    text:
      'One object of 50 MB of JSON to so many connections, while 50 others get 200 B a hundred times a second. One run each; small ' +
      "messages' latency counts from when they were due.",
    tables: [
      {
        head: [
          'contender',
          'to',
          'all have it, s',
          'longest block, ms',
          'memory grown by, MB',
          'small: p50 / p99 / max, ms',
        ],
        rows: rows.map((row) => [
          names.get(row.name) ?? row.name,
          String(row.connections),
          format(row.wallMs / 1_000),
          format(row.longestMs),
          format(row.peakMb),
          [row.p50, row.p99, row.max].map(format).join(' / '),
        ]),
      },
    ],
    targets: ours.length === 0 ? [] : [target('longest block while 50 MB go out', 6, longest, 'ms')],
    charts: [],
    failures,
  };
}

export function growthSection({ rows, most, deliveryUs, failures }: GrowthResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn(rows.map(({ rssKb }) => rssKb)));
  const label = (row: (typeof rows)[number]): string => `${row.from} to ${row.to}`;
  const table = (what: string, series: 'rssKb' | 'heapKb' | 'rate' | 'connectUs'): Table => ({
    head: [what, ...head],
    rows: rows.map((row) => [label(row), ...cells((name) => middle(row[series], name))]),
  });
  const later = rows.slice(1);
  const ours = later.map(({ rssKb }) => median(rssKb.get('threadcast') ?? []));
  return {
    title: 'Growth and idle memory',
    text:
      'What one more idle connection that has joined a room costs. The first thousand also pay for compiled code and the first heap. ' +
      `Resident memory and heap after full collections; ${most} is what this system lets one process open, at most 20,000.`,
    tables: [
      table('resident memory per connection, KB', 'rssKb'),
      table('JavaScript heap of these, KB', 'heapKb'),
      table('connected and joined per second', 'rate'),
      table('CPU of that per connection, us', 'connectUs'),
      {
        head: ['CPU per delivery of 1 KB, us', ...head],
        rows: [[`to ${most}`, ...cells((name) => middle(deliveryUs, name))]],
      },
    ],
    targets: Number.isFinite(ours[0]) ? [target('memory per idle joined connection', 12, Math.max(...ours), 'KB')] : [],
    charts: [
      {
        file: 'fanout-memory',
        title: 'Memory per idle joined connection',
        unit: 'KB',
        groups: later.map((row) => ({
          label: `${label(row)} connections`,
          bars: [...row.rssKb].map(([name, values]) => ({ name: names.get(name) ?? name, value: median(values) })),
        })),
      },
    ],
    failures,
  };
}

export function compressedSection({ rows, failures }: CompressedResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn(rows.map(({ cpu }) => cpu)));
  const ratios = rows.map(({ cpu, plain }) =>
    plain.has('threadcast') ? Number.NaN : pairedRatio(cpu.get('naive') ?? [], cpu.get('threadcast') ?? []),
  );
  const pending = rows.some(({ plain }) => plain.has('threadcast'))
    ? ' threadcast sent plain frames: compressing once is pending.'
    : '';
  return {
    title: 'Compressed',
    text:
      'Text to clients that offer permessage-deflate: microseconds of CPU per delivery, of all threads, and kilobytes of payload on ' +
      'the wire. `ws`, Socket.IO, uWebSockets.js and Bun as they come, with compression on (`ws` then keeps a context for each ' +
      `connection, which makes 16 KB smaller).${pending}`,
    tables: [
      {
        head: ['message', ...head],
        rows: rows.map(({ size, connections, cpu, wire, plain }) => [
          `${size} to ${connections}`,
          ...cells((name) => {
            if (!cpu.has(name)) return '-';
            const kilobytes = format(median(wire.get(name) ?? []) / 1_000);
            return `${middle(cpu, name)} (${kilobytes} KB${plain.has(name) ? ', plain' : ''})`;
          }),
        ]),
      },
    ],
    targets: ratios.some((ratio) => !Number.isNaN(ratio))
      ? [atLeast('compressed, 16 KB and 1 MB', 30, Math.min(...ratios), 'naive ws')]
      : [],
    charts: [],
    failures,
  };
}

export function layersSection({ connections, rows, failures }: LayersResult): Section {
  const layers: readonly [name: string, title: string][] = [
    ['handloop', 'hand-written loop'],
    ['layer-pump', '+ pump, log, cursors and windows'],
    ['layer-untraced', '+ hub, actors, receipts, pings, `ws`'],
    ['threadcast-plain', '+ telemetry without an SDK: plain format'],
    ['threadcast', '+ envelope: wire protocol'],
    ['layer-discard', 'all of it but for the sockets: our JavaScript alone'],
  ];
  return {
    title: 'Layers',
    text:
      `Microseconds of CPU per delivery of 1 KB to ${connections} connections; in brackets as many times the hand-written loop's in ` +
      'the same round. The differences of neighbours are as large as the noise.',
    tables: [
      {
        head: ['layer', ...rows.map(({ perTurn }) => `${perTurn} per turn`)],
        rows: layers.map(([name, title]) => [
          title,
          ...rows.map(({ cpu }) => {
            const ratio = pairedRatio(cpu.get(name) ?? [], cpu.get('handloop') ?? []);
            return `${middle(cpu, name)} (${format(ratio)} x)`;
          }),
        ]),
      },
    ],
    targets: [],
    charts: [],
    failures,
  };
}

function middle(series: Series, name: string): string {
  return format(median(series.get(name) ?? []));
}

function target(what: string, most: number, measured: number, unit: string): Section['targets'][number] {
  return { what, target: `at most ${most} ${unit}`, measured: `${format(measured)} ${unit}`, isMet: measured <= most };
}

function atLeast(what: string, least: number, measured: number, than: string): Section['targets'][number] {
  return { what, target: `at least ${least} x ${than}`, measured: `${format(measured)} x`, isMet: measured >= least };
}
