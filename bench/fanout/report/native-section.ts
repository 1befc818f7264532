import { APART, type NativeResult, type NativeRow } from '../measure/native.ts';
import type { Series } from '../measure/ring.ts';
import { format, median, pairedInterval, pairedRatio } from '../statistics.ts';
import { columnsOf, namesIn, type Names } from './columns.ts';
import type { Section, Table, Target } from './section.ts';

const HUB = 'threadcast-plain';
const US = 'threadcast-native';

export function nativeSection({ rows, failures }: NativeResult, names: Names): Section {
  const all: Names = new Map([...names, [APART, 'sender apart']]);
  const { head, cells } = columnsOf(all, namesIn(rows.map(({ main }) => main)));
  const table = (what: string, from: readonly NativeRow[], cell: (row: NativeRow, name: string) => string): Table => ({
    head: [what, ...head],
    rows: from.map((row) => [`${row.connections}, ${row.what}`, ...cells((name) => cell(row, name))]),
  });
  const bursts = rows.filter(({ kind }) => kind === 'burst');
  const rates = rows.filter(({ kind }) => kind === 'rate');
  const flying = rows.flatMap((row) =>
    [...row.flying].map(([name, values]) => `${all.get(name) ?? name} ${format(median(values))} of ${row.connections}`),
  );
  return {
    title: 'The native sender',
    text:
      "Microseconds of CPU per delivery by the kernel's count: main thread / whole process, medians of the rounds. The sender's thread runs on " +
      "the server's core, or (apart) on the load client's. Targets are ratios of the same rounds with their 95 % interval, and are met where " +
      `its worse end is. Connections with a descriptor for the sender: ${[...new Set(flying)].join(', ')}; the others were written to inline.`,
    tables: [
      table('CPU per delivery, us', rows, (row, name) => `${middle(row.main, name)} / ${middle(row.whole, name)}`),
      table('p50 / p99, ms', rates, (row, name) => `${middle(row.p50, name)} / ${middle(row.p99, name)}`),
      table('longest block, ms', bursts, (row, name) => middle(row.longest, name)),
    ],
    targets: rows.flatMap((row) => [US, APART].flatMap((name) => targetsOf(row, name))),
    charts: [],
    failures,
  };
}

function targetsOf(row: NativeRow, name: string): Target[] {
  const what = `${row.connections}, ${row.what}${name === APART ? ', sender apart' : ''}`;
  const main = row.kind === 'rate' ? 0.3 : row.perTurn === 16 ? 0.2 : 0.15;
  const isBig = row.bytes === 16_000 && row.perTurn >= 4;
  const targets = [
    atMost(`${what}: main thread, of the hub's`, row.main, name, HUB, main),
    atMost(`${what}: process, of uWebSockets.js`, row.whole, name, 'uws', isBig ? 0.7 : 1.15),
  ];
  if (row.kind === 'rate') targets.push(atMost(`${what}: p99, of the hand loop's`, row.p99, name, 'handloop', 1));
  else targets.push(atMost(`${what}: longest block, of the hub's`, row.longest, name, HUB, 1));
  if (row.kind === 'burst' && row.perTurn === 1) {
    targets.push(atMost(`${what}: main thread, of uWebSockets.js`, row.main, name, 'uws', 1 / 6));
    targets.push(atMost(`${what}: main thread, of Bun`, row.main, name, 'bun', 1 / 6));
  }
  return targets.filter((target) => target !== undefined);
}

function atMost(what: string, series: Series, name: string, peer: string, limit: number): Target | undefined {
  const [above = [], below = []] = [series.get(name), series.get(peer)];
  if (above.length === 0 || below.length === 0) return undefined;
  const [low, high] = pairedInterval(above, below);
  const ratio = `${format(pairedRatio(above, below))} x (${format(low)} to ${format(high)})`;
  return { what, target: `at most ${format(limit)} x`, measured: ratio, isMet: high <= limit };
}

function middle(series: Series, name: string): string {
  return format(median(series.get(name) ?? []));
}
