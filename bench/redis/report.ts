import { cpus } from 'node:os';
import type { LogRates } from './log-rates.ts';

/** One contender with so many threads. */
export interface Row {
  readonly name: string;
  readonly threads: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly failed: number;
  readonly joinMs: number;
  /** Each of one core. */
  readonly redisCpu: number;
  readonly publisherCpu: number;
  readonly receiverCpu: number;
  readonly clientCpu: number;
  /** The longest pauses of the nodes' garbage collectors. */
  readonly publisherGcMs: number;
  readonly receiverGcMs: number;
}

export interface Setting {
  readonly rate: number;
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
}

/** Wanted of the p99, as a multiple of the peer's. */
const WANTED: Readonly<Record<number, number>> = { 1_000: 1, 100_000: 1.2 };

/** The medians of the rounds; what was not received counts from all. */
export function medianRow(rows: readonly Row[]): Row {
  const [first] = rows;
  if (first === undefined) throw new Error('no round');
  const of = (field: Exclude<keyof Row, 'name'>): number => median(rows.map((row) => row[field]));
  return {
    name: first.name,
    threads: first.threads,
    p50: of('p50'),
    p99: of('p99'),
    p999: of('p999'),
    failed: rows.reduce((sum, { failed }) => sum + failed, 0),
    joinMs: of('joinMs'),
    redisCpu: of('redisCpu'),
    publisherCpu: of('publisherCpu'),
    receiverCpu: of('receiverCpu'),
    clientCpu: of('clientCpu'),
    publisherGcMs: of('publisherGcMs'),
    receiverGcMs: of('receiverGcMs'),
  };
}

export function render(
  rates: LogRates | undefined,
  rows: readonly Row[],
  { rate, connections, rounds, seconds }: Setting,
): string {
  const ms = (value: number): string => value.toFixed(1);
  // at a thousand messages a second, a percent of a core is ten microseconds a message
  const perMessage = (share: number): string => `${Math.round((share * 1e6) / rate)}`;
  const table = rows.map((row) => {
    const cpu = [row.publisherCpu, row.receiverCpu, row.redisCpu, row.clientCpu].map(perMessage);
    const cells = [ms(row.p50), ms(row.p99), ms(row.p999), String(row.failed), ...cpu];
    const gc = [ms(row.publisherGcMs), ms(row.receiverGcMs)].join(' / ');
    return `| ${[row.threads.toLocaleString('en'), row.name, ...cells, gc].join(' | ')} | ${ms(row.joinMs / 1_000)} s |`;
  });
  return [
    '## The Redis log',
    `Two nodes, the clients, the publisher and Redis 7 on one machine (${cpus().length} cores, ${cpus()[0]?.model ?? ''}; Node ${process.version}), loopback, Redis without persistence. ${rate} messages of 200 bytes a second are published on one node, each to a random thread, and read by ${connections} connections of the other one, which share the threads. Both clients are a plain \`ws\` socket that speaks the protocol. Latency counts from when a message was due. Medians of ${rounds} rounds of ${seconds} s, in turns; processor time is that of a process, all of its threads, for each message.`,
    '| threads | | p50 ms | p99 ms | p99.9 ms | not received | publishing node, us | receiving node, us | Redis, us | clients, us | longest GC pause, ms: publishing / receiving | joining all |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n' +
      table.join('\n'),
    ...(rates === undefined ? [] : [renderRates(rates)]),
    rows.flatMap((row) => target(row, rows)).join('\n'),
  ].join('\n\n');
}

const renderRates = ({ appendsPerSecond, appendsOneThread, recoveriesPerSecond }: LogRates): string =>
  `One node's log without sockets: ${Math.round(appendsPerSecond).toLocaleString('en')} appends a second in 1,000 threads, ${Math.round(appendsOneThread).toLocaleString('en')} in a single one; ${Math.round(recoveriesPerSecond).toLocaleString('en')} recoveries a second (a thread opened and 50 missed messages read).`;

function target({ name, threads, p99 }: Row, rows: readonly Row[]): string[] {
  const wanted = WANTED[threads];
  const peer = rows.find((row) => row.threads === threads && row.name !== name);
  if (name !== 'threadcast' || wanted === undefined || peer === undefined) return [];
  const ratio = p99 / peer.p99;
  return [
    `- p99 over two nodes, ${threads.toLocaleString('en')} threads: ${ratio.toFixed(2)} x that of Socket.IO, wanted at most ${wanted} x: ${ratio <= wanted ? 'met' : '**missed**'}`,
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}
