import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeSection } from '../../document.ts';
import { drawChart } from './chart.ts';
import type { Section, Table } from './section.ts';

export interface Report {
  readonly title: string;
  readonly environment: readonly string[];
  readonly missing: readonly { readonly title: string; readonly reason: string }[];
  readonly sections: readonly Section[];
}

/** The report as Markdown. */
export function renderReport({ title, environment, missing, sections }: Report, withCharts: boolean): string {
  const targets = sections.flatMap((section) => section.targets);
  const missed = missing.map(({ title, reason }) => `Not measured here: ${title}: ${reason}.`);
  return [
    `## ${title}`,
    ...environment,
    ...missed,
    ...(targets.length === 0 ? [] : ['### Targets', renderTable(targetTable(targets))]),
    ...sections.flatMap((section) => renderSection(section, withCharts)),
  ].join('\n\n');
}

/**
 * Writes the report into a Markdown file, in the place of the last one, and the charts into `benchmarks/` beside it.
 * @param name of the markers around it
 */
export function writeReport(path: string, name: string, report: Report, withCharts: boolean): void {
  mkdirSync(dirname(path), { recursive: true });
  writeSection(path, name, renderReport(report, withCharts));
  if (withCharts) writeCharts(join(dirname(path), 'benchmarks'), report.sections);
}

export function writeCharts(folder: string, sections: readonly Section[]): void {
  mkdirSync(folder, { recursive: true });
  for (const chart of sections.flatMap(({ charts }) => charts)) {
    writeFileSync(join(folder, `${chart.file}.svg`), drawChart(chart));
  }
}

function renderSection({ title, text, tables, charts, failures }: Section, withCharts: boolean): string[] {
  return [
    `### ${title}`,
    text,
    ...tables.map(renderTable),
    ...failures.map(({ name, row, reason }) => `${name}, ${row}: ${reason}`),
    ...(withCharts ? charts.map(({ file, title }) => `![${title}](benchmarks/${file}.svg)`) : []),
  ];
}

function targetTable(targets: Section['targets']): Table {
  const rows = targets.map(({ what, target, measured, isMet }) => [
    what,
    target,
    measured,
    isMet ? 'met' : '**missed**',
  ]);
  return { head: ['target', 'wanted', 'measured', ''], rows };
}

function renderTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
