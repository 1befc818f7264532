import type { FanoutResult, FanoutRow } from '../measure/fanout.ts';
import type { Series } from '../measure/ring.ts';
import { format, median, pairedRatio } from '../statistics.ts';
import { columnsOf, namesIn, type Names } from './columns.ts';
import type { Section, Table, Target } from './section.ts';

const US = 'threadcast';

export function fanoutSection({ connections, rows, loadShare, noise, failures }: FanoutResult, names: Names): Section {
  const { head, cells } = columnsOf(names, namesIn(rows.map(({ cpu }) => cpu)));
  const table = (what: string, cell: (row: FanoutRow, name: string) => string): Table => ({
    head: [what, ...head],
    rows: rows.map((row) => [`${row.size}, ${row.perTurn} per turn`, ...cells((name) => cell(row, name))]),
  });
  const share = Math.max(...[...loadShare.values()].map(median));
  return {
    title: `To ${connections} connections`,
    text:
      "Microseconds of the server's CPU per delivery, the median of the rounds; in brackets how many times as much naive `ws` took " +
      'in the same round (more is better for the contender). Then deliveries per second, and the longest block of the event ' +
      `loop. The load client was busy for at most ${format(share)} times the server's CPU, on another core. ` +
      `The machine itself: a loop that works for exactly 2 ms a turn had a longest turn of ${format(median(noise))} ms (worst ` +
      `${format(Math.max(...noise))} ms) in 200 ms.`,
    tables: [
      table('CPU per delivery, us', ({ cpu }, name) => {
        const ratio = pairedRatio(cpu.get('naive') ?? [], cpu.get(name) ?? []);
        return Number.isFinite(ratio) ? `${middle(cpu, name)} (${format(ratio)} x)` : middle(cpu, name);
      }),
      table('thousand deliveries a second', ({ rate }, name) => format(median(rate.get(name) ?? []) / 1_000)),
      table('longest block, ms', ({ longest }, name) => middle(longest, name)),
    ],
    targets: targetsOf(connections, rows),
    charts: chartsOf(connections, rows, names),
    failures,
  };
}

function targetsOf(connections: number, rows: readonly FanoutRow[]): Target[] {
  const to = `to ${connections}`;
  const targets: Target[] = rows
    .flatMap((row) => {
      const what = `${row.size}, ${row.perTurn} per turn, ${to}`;
      if (row.perTurn > 1) {
        return [
          timesBetter(what, row, 'naive', row.perTurn === 4 ? 4 : 12),
          levelWith(what, row, 'uws', 1.1),
          levelWith(what, row, 'bun', 1.1),
        ];
      }
      return [
        timesBetter(what, row, 'naive', row.size === '16 KB' ? 1.4 : 1.15),
        timesBetter(what, row, 'socketio', 1.8),
        levelWith(what, row, 'handloop', 1.1),
      ];
    })
    .filter((target) => target !== undefined);
  const longest = Math.max(...rows.map((row) => median(row.longest.get(US) ?? [])));
  const isMet = longest <= 6;
  targets.push({ what: `longest block ${to}`, target: 'at most 6 ms', measured: `${format(longest)} ms`, isMet });
  return targets;
}

function timesBetter(what: string, { cpu }: FanoutRow, peer: string, least: number): Target | undefined {
  const ratio = pairedRatio(cpu.get(peer) ?? [], cpu.get(US) ?? []);
  if (Number.isNaN(ratio)) return undefined;
  return {
    what,
    target: `at least ${least} x better than ${peer}`,
    measured: `${format(ratio)} x`,
    isMet: ratio >= least,
  };
}

function levelWith(what: string, { cpu }: FanoutRow, peer: string, most: number): Target | undefined {
  const ratio = pairedRatio(cpu.get(US) ?? [], cpu.get(peer) ?? []);
  if (Number.isNaN(ratio)) return undefined;
  return { what, target: `at most ${most} x the CPU of ${peer}`, measured: `${format(ratio)} x`, isMet: ratio <= most };
}

function chartsOf(connections: number, rows: readonly FanoutRow[], names: Names): Section['charts'] {
  const groups = (series: 'cpu' | 'longest', perTurn: number) =>
    rows
      .filter((row) => row.perTurn === perTurn)
      .map((row) => ({
        label: row.size,
        bars: [...names].flatMap(([name, title]) => {
          const values = row[series].get(name);
          return values === undefined ? [] : [{ name: title, value: median(values) }];
        }),
      }));
  const cpu = [1, 4, 16].map((perTurn) => ({
    file: `fanout-cpu-${connections}-${perTurn}`,
    title: `CPU per delivery, ${connections} connections, ${perTurn} per turn`,
    unit: 'us',
    groups: groups('cpu', perTurn),
  }));
  const block = {
    file: `fanout-block-${connections}`,
    title: `Longest block, ${connections} connections, 1 per turn`,
    unit: 'ms',
    groups: groups('longest', 1),
  };
  return [...cpu, block];
}

function middle(series: Series, name: string): string {
  return format(median(series.get(name) ?? []));
}
