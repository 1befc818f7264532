/**
 * The charts at the top of docs/benchmarks.md, drawn from its tables, so that they show what the tables say:
 * `node bench/glance.ts`. Each benchmark that writes a section draws them again.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawChart, type Chart } from './fanout/report/chart.ts';

/** The head and the rows of the first table below a heading whose head begins with this cell; empty where there is none. */
export function rowsOf(text: string, heading: string, cell: string): readonly (readonly string[])[] {
  const part = text.split(`\n${heading}\n`, 2)[1]?.split(/\n#{2,3} /, 1)[0] ?? '';
  const table = part.split('\n\n').find((block) => block.startsWith(`| ${cell} |`)) ?? '';
  const [head = [], , ...rows] = table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((one) => one.trim()),
  );
  return [head, ...rows];
}

/** The number that a cell begins with, or that of one of its parts, as in `1.14 / 7.72`. */
export const numberOf = (cell: string | undefined, part = 0): number => parseFloat(cell?.split(' / ')[part] ?? '');

const bars = (head: readonly string[], row: readonly string[], part = 0) =>
  head.slice(1).flatMap((name, i) => {
    const value = numberOf(row[i + 1], part);
    return Number.isNaN(value) ? [] : [{ name, value }];
  });

/** Undefined where the table is not there yet. */
type Drawn = Chart | undefined;

function whole(chart: Chart): Drawn {
  return chart.groups.some((group) => group.bars.length > 0) ? chart : undefined;
}

function bigMessage(text: string): Drawn {
  const [, ...rows] = rowsOf(text, '### 50 MB while small messages flow', 'contender');
  const group = (label: string, column: number, part: number) => ({
    label,
    bars: rows.flatMap((row) => (row[1] === '50' ? [{ name: row[0] ?? '', value: numberOf(row[column], part) }] : [])),
  });
  return whole({
    file: 'glance-50-mb',
    title: '50 MB to 50 clients, while 50 others get small messages',
    unit: 'ms',
    groups: [group('longest block of the loop', 3, 0), group('small messages, p99', 5, 1)],
  });
}

function serializer(text: string): Drawn {
  const [, ...rows] = rowsOf(text, '### One message at a time', 'value');
  const groups = rows
    .filter(([value]) => value?.startsWith('50 MB'))
    .map((row) => ({
      label: row[0] ?? '',
      bars: ['inline', 'piscina', 'threadcast'].map((name, part) => ({ name, value: numberOf(row[1], part) })),
    }));
  return whole({
    file: 'glance-serializer',
    title: 'Serializing 50 MB: longest block of the loop',
    unit: 'ms',
    groups,
  });
}

function fanOut(text: string): Drawn {
  const [head = [], ...rows] = rowsOf(text, '### To 1000 connections', 'CPU per delivery, us');
  const groups = rows
    .filter(([size]) => size?.startsWith('1 KB'))
    .map((row) => ({ label: row[0] ?? '', bars: bars(head, row) }));
  return whole({ file: 'glance-fan-out', title: '1 KB to 1,000 connections: CPU of a delivery', unit: 'us', groups });
}

function native(text: string): Drawn {
  const [head = [], ...rows] = rowsOf(text, '### The native sender', 'CPU per delivery, us');
  const groups = rows
    .filter(([size]) => /^9000, 1 KB, \d+ per turn/.test(size ?? ''))
    .map((row) => ({ label: row[0] ?? '', bars: bars(head, row) }));
  return whole({
    file: 'glance-native',
    title: 'The native sender: main thread, CPU of a delivery',
    unit: 'us',
    groups,
  });
}

function memory(text: string): Drawn {
  const [head = [], ...rows] = rowsOf(text, '### Growth and idle memory', 'resident memory per connection, KB');
  const groups = rows
    .filter(([span]) => span?.startsWith('1000 '))
    .map((row) => ({ label: row[0] ?? '', bars: bars(head, row) }));
  return whole({ file: 'glance-memory', title: 'One more idle connection: resident memory', unit: 'KB', groups });
}

/** Draws them, and writes the part that shows them. */
export function drawGlance(path: string): void {
  const text = readFileSync(path, 'utf8');
  const charts = [bigMessage, serializer, fanOut, native, memory].flatMap((draw) => draw(text) ?? []);
  const folder = join(dirname(path), 'benchmarks');
  mkdirSync(folder, { recursive: true });
  for (const chart of charts) writeFileSync(join(folder, `${chart.file}.svg`), drawChart(chart));
  const images = charts.map(({ file, title }) => `![${title}](benchmarks/${file}.svg)`).join('\n\n');
  const part = `<!-- glance:start -->\n\n${images}\n\n<!-- glance:end -->`;
  writeFileSync(
    path,
    text.replace(/<!-- glance:start -->.*?<!-- glance:end -->/s, () => part),
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) drawGlance('docs/benchmarks.md');
