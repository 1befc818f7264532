import { environment, format, median, table } from '../document.ts';
import type { Run } from './measure.ts';

/** All runs of one value with each contender, by name. */
export interface Cell {
  readonly shape: string;
  readonly size: string;
  readonly atOnce: number;
  readonly results: ReadonlyMap<string, readonly Run[]>;
}

export interface BehindResult {
  readonly shape: string;
  readonly turnsBetween: number;
  readonly latencies: ReadonlyMap<string, readonly number[]>;
}

export interface SmallResult {
  readonly shape: string;
  readonly bytes: number;
  readonly runs: readonly { readonly bareUs: number; readonly gateUs: number }[];
}

export interface Report {
  readonly cells: readonly Cell[];
  readonly behind: readonly BehindResult[];
  readonly small: readonly SmallResult[];
  /** The longest turn of a loop that does nothing but work for 2 ms a turn, several times during the run. */
  readonly noise: readonly number[];
  readonly isQuick: boolean;
}

/** The report as Markdown. */
export function renderReport(report: Report): string {
  return [
    '## Serializer',
    environment() + (report.isQuick ? ' Quick run: few repetitions, not for comparison.' : ''),
    'Each triple is inline / plain piscina / threadcast, medians. "Inline" is `Buffer.from(JSON.stringify(value))`, "plain ' +
      'piscina" sends the object to a worker that stringifies it and transfers the bytes. The longest block is the longest ' +
      'turn of the event loop, the longest undisturbed one that of the turns in which no other process took the core; p99 is by ' +
      'time: 99 of 100 random moments fall into shorter blocks. Growth is heap and buffers.',
    `The machine itself: a loop that works for exactly 2 ms a turn had a longest turn of ${format(median(report.noise))} ms ` +
      `(median of ${report.noise.length} times 100 turns, worst ${format(Math.max(...report.noise))} ms).`,
    '### Targets',
    targets(report),
    '### One message at a time',
    cellTable(report.cells.filter((cell) => cell.atOnce === 1)),
    '### Several at once',
    cellTable(report.cells.filter((cell) => cell.atOnce > 1)),
    '### A 100 KB message behind twenty of 10 MB',
    behindTable(report.behind),
    '### What small messages pay',
    smallTable(report.small),
  ].join('\n\n');
}

function targets({ cells, behind, small }: Report): string {
  const huge = cells.filter((cell) => cell.size === '50 MB' && cell.atOnce === 1);
  const single = cells.filter((cell) => cell.atOnce === 1 && (cell.size === '10 MB' || cell.size === '50 MB'));
  const ratio = (cell: Cell): number => middle(cell, 'threadcast', 'mainCpuMs') / middle(cell, 'inline', 'mainCpuMs');
  const latencies = behind.flatMap(({ latencies: all }) => all.get('threadcast') ?? []);
  const rows: [string, string, string][] = [
    ['longest block at 50 MB, median', '6 ms', worstBy(huge, (cell) => middle(cell, 'threadcast', 'longestMs'), 'ms')],
    [
      'longest block at 50 MB, worst run',
      '10 ms',
      worstBy(huge, (cell) => most(cell, 'threadcast', 'longestMs'), 'ms'),
    ],
    [
      'the same, of turns that no other process disturbed',
      '10 ms',
      worstBy(huge, (cell) => most(cell, 'threadcast', 'undisturbedMs'), 'ms'),
    ],
    ['main CPU, of inline, 10 and 50 MB', '1.3 x', worstBy(single, ratio, 'x')],
    ['major GCs in a run, 10 and 50 MB', '0', worstBy(single, (cell) => most(cell, 'threadcast', 'majorGcs'), '')],
    ['100 KB behind 20 x 10 MB, median', '10 ms', `${format(median(latencies))} ms`],
    ['100 KB behind 20 x 10 MB, worst run', '10 ms', `${format(Math.max(...latencies))} ms`],
    ['messages below 1 KB, added', '3 us', `${format(Math.max(...small.map(addedUs)))} us`],
  ];
  return table(['target', 'at most', 'measured, worst shape'], rows);
}

function worstBy(cells: readonly Cell[], valueOf: (cell: Cell) => number, unit: string): string {
  const each = cells.map((cell) => ({ value: valueOf(cell), name: `${cell.shape}, ${cell.size}` }));
  const worst = each.toSorted((one, other) => other.value - one.value)[0];
  return worst === undefined ? '-' : `${format(worst.value)} ${unit} (${worst.name})`;
}

const columns: readonly [title: string, key: keyof Run][] = [
  ['longest block, ms', 'longestMs'],
  ['undisturbed, ms', 'undisturbedMs'],
  ['p99 block, ms', 'p99Ms'],
  ['latency, ms', 'latencyMs'],
  ['main CPU, ms', 'mainCpuMs'],
  ['total CPU, ms', 'totalCpuMs'],
  ['growth, MB', 'growthMb'],
  ['major GCs', 'majorGcs'],
];

function cellTable(cells: readonly Cell[]): string {
  const rows = cells.map((cell) => [
    `${cell.atOnce === 1 ? '' : `${cell.atOnce} x `}${cell.size} ${cell.shape}`,
    ...columns.map(([, key]) => [...cell.results.keys()].map((name) => format(middle(cell, name, key))).join(' / ')),
  ]);
  return table(['value', ...columns.map(([title]) => title)], rows);
}

function behindTable(behind: readonly BehindResult[]): string {
  const rows = behind.map(({ shape, turnsBetween, latencies }) => [
    shape,
    turnsBetween === 0 ? 'in the same turn' : `${turnsBetween} turns later`,
    ...[...latencies.values()].map((values) => `${format(median(values))} (${format(Math.max(...values))})`),
  ]);
  return table(['shape', 'sent', 'inline, ms (worst)', 'piscina, ms (worst)', 'threadcast, ms (worst)'], rows);
}

function smallTable(small: readonly SmallResult[]): string {
  const rows = small.map((result) => [
    `${result.shape}, ${result.bytes} B`,
    format(median(result.runs.map((run) => run.bareUs))),
    format(addedUs(result)),
  ]);
  return table(['message', 'JSON.stringify, us', 'added, us'], rows);
}

function addedUs({ runs }: SmallResult): number {
  return median(runs.map((run) => run.gateUs));
}

function middle(cell: Cell, name: string, key: keyof Run): number {
  return median(valuesOf(cell, name, key));
}

function most(cell: Cell, name: string, key: keyof Run): number {
  return Math.max(...valuesOf(cell, name, key));
}

function valuesOf(cell: Cell, name: string, key: keyof Run): number[] {
  const runs = cell.results.get(name) ?? [];
  return runs.map((run) => run[key]).filter((value) => !Number.isNaN(value));
}
