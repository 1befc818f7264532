import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Measured } from './orders.ts';

/** Two windows that follow each other. */
export interface Round {
  readonly messagesPerSecond: number;
  readonly closed: Measured;
  readonly open: Measured;
}

const START = '<!-- inspector:start -->';
const END = '<!-- inspector:end -->';

const MOST_CPU = 0.03;
const MOST_BLOCK_MS = 5;

/** The report as Markdown, between its markers. */
export function renderReport(rounds: readonly Round[], connections: number): string {
  const loads = [...new Set(rounds.map(({ messagesPerSecond }) => messagesPerSecond))];
  const rows = loads.map((load) => rowOf(rounds.filter((round) => round.messagesPerSecond === load)));
  const added = Math.max(...loads.map((load) => addedCpu(rounds.filter((round) => round.messagesPerSecond === load))));
  const silent = rounds.filter(({ messagesPerSecond }) => messagesPerSecond === 0);
  const block = Math.max(...silent.map(({ open }) => open.longestBlockMs));
  return [
    START,
    '## Inspector',
    `${new Date().toISOString().slice(0, 10)}, commit ${commit()}. Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}.`,
    `A server with ${connections.toLocaleString('en')} real WebSocket connections in one thread, before and while one page watches: two looks a second with the rows ` +
      'in view and one connection in detail, and half of the time a scroll that asks ten times a second. CPU is of the whole process, of one core; a block is ' +
      'the longest stretch of CPU on the main thread between two ticks of a 1 ms timer, the sweep of the hub and garbage collections included. ' +
      `Medians of ${silent.length} rounds, the worst in brackets.`,
    table(['messages / s', 'CPU closed', 'CPU open', 'added', 'longest block closed, ms', 'open, ms'], rows),
    table(
      ['target', 'at most', 'measured', ''],
      [
        ['CPU that an open page adds', percent(MOST_CPU), percent(added), verdict(added <= MOST_CPU)],
        [
          'longest block of a silent server, page open, worst round',
          `${MOST_BLOCK_MS} ms`,
          `${block.toFixed(1)} ms`,
          verdict(block <= MOST_BLOCK_MS),
        ],
      ],
    ),
    END,
  ].join('\n\n');
}

/** Writes the report into a Markdown file, in the place of the last one. */
export function writeReport(path: string, report: string): void {
  const old = existsSync(path) ? readFileSync(path, 'utf8') : '# Benchmarks\n';
  const [before = '', after] = [old.split(START, 1)[0], old.split(END)[1]];
  writeFileSync(path, after === undefined ? `${old.trimEnd()}\n\n${report}\n` : before + report + after);
}

function rowOf(rounds: readonly Round[]): readonly string[] {
  const blocks = (key: 'closed' | 'open'): string => {
    const values = rounds.map((round) => round[key].longestBlockMs);
    return `${median(values).toFixed(1)} (${Math.max(...values).toFixed(1)})`;
  };
  return [
    String(rounds[0]?.messagesPerSecond),
    percent(median(rounds.map(({ closed }) => closed.cpuShare))),
    percent(median(rounds.map(({ open }) => open.cpuShare))),
    percent(addedCpu(rounds)),
    blocks('closed'),
    blocks('open'),
  ];
}

/** From neighbours in time. */
function addedCpu(rounds: readonly Round[]): number {
  return median(rounds.map(({ closed, open }) => open.cpuShare - closed.cpuShare));
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : '**missed**';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
