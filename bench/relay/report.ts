import { environment, format, median, table } from '../document.ts';
import type { Run } from './stage.ts';
import type { ThreadBytes } from './threads.ts';

/** The same messages in a single process, and over a primary to two workers. */
export interface Pair {
  /** Of each worker. */
  readonly members: number;
  readonly single: Run;
  readonly workers: Run;
}

/** What the benchmark has found. */
export interface Measured {
  readonly rounds: number;
  /** Processes that wanted a core, of this benchmark and of others. */
  readonly load: number;
  /** The single process has as many members as each worker. */
  readonly deliveries: readonly Pair[];
  /** It has as many as both. */
  readonly spread: readonly Pair[];
  readonly full: readonly Pair[];
  readonly saturated: readonly Pair[];
  readonly trickle: readonly { readonly us: number; readonly bareUs: number }[];
  readonly edge: readonly { readonly members: number; readonly run: Run }[];
  readonly threads: ThreadBytes;
}

const CORES = 2;

const middle = <T>(all: readonly T[], of: (each: T) => number): number => median(all.map(of));

const perDelivery = (run: Run, hub: number): number =>
  ((run.hubs[hub]?.cpuUs ?? NaN) * run.hubs.length) / run.deliveries;

const primaryUs = ({ workers }: Pair): number => (workers.primary?.cpuUs ?? NaN) / workers.messages;

const rateOf = ({ deliveries, ms }: Run): number => (deliveries / ms) * 1_000;

/** All work of a delivery, in every process. */
function allUs({ primary, hubs, clientUs, deliveries }: Run): number {
  return (hubs.reduce((sum, { cpuUs }) => sum + cpuUs, primary?.cpuUs ?? 0) + clientUs) / deliveries;
}

/** Deliveries a second that this CPU time allows on two cores: a process has one core at most, and all together have two. */
function possible(run: Run): number {
  const busiest =
    Math.max(...run.hubs.map(({ cpuUs }) => cpuUs), run.primary?.cpuUs ?? 0, run.clientUs) / run.deliveries;
  return 1_000_000 / Math.max(busiest, allUs(run) / CORES);
}

/** The section of docs/benchmarks.md. */
export function render({
  rounds,
  load,
  deliveries,
  spread,
  full,
  saturated,
  trickle,
  edge,
  threads,
}: Measured): string {
  const ratio = (hub: number, pairs = deliveries): number =>
    middle(pairs, ({ single, workers }) => perDelivery(workers, hub) / perDelivery(single, 0));
  const counts = [...new Set(full.map(({ members }) => members))];
  const ofCount = (members: number): number =>
    middle(
      full.filter((pair) => pair.members === members),
      primaryUs,
    );
  const mostPrimary = Math.max(...counts.map(ofCount));
  const derived = middle(saturated, ({ single, workers }) => possible(workers) / possible(single));
  const walled = middle(saturated, ({ single, workers }) => rateOf(workers) / rateOf(single));
  const [one, thousand] = edge;
  const bytesOf = (run: Run | undefined): number => (run?.primary?.bytesOut ?? NaN) / (run?.messages ?? NaN);
  const bytesRatio = bytesOf(thousand?.run) / bytesOf(one?.run);
  const targets = [
    [
      'CPU of a delivery in a worker, of a single process with as many members: the worker that also publishes',
      'at most 1.1 x',
      `${format(ratio(0))} x`,
    ],
    ['the same, of the other worker', 'at most 1.1 x', `${format(ratio(1))} x`],
    [
      'the same, of a single process with the members of both workers: the publishing worker, and the other',
      '-',
      `${format(ratio(0, spread))} x, ${format(ratio(1, spread))} x`,
    ],
    ['CPU of the primary for a message under full load', 'at most 30 us', `${format(mostPrimary)} us`],
    ['deliveries a second, two workers to one process, by the CPU time', 'at least 1.5 x', `${format(derived)} x`],
    ['bytes from the primary for a message, 1,000 members to one', '1 x', `${format(bytesRatio)} x`],
  ];
  const primaryRows = counts.map((members) => [`${members}`, format(ofCount(members))]);
  const rates = (['single', 'workers'] as const).map((kind) => {
    const runs = saturated.map((pair) => pair[kind]);
    return [
      kind === 'single' ? 'one process' : 'a primary and two workers',
      format(middle(runs, (run) => run.hubs.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / run.deliveries)),
      kind === 'single' ? '-' : format(middle(runs, (run) => (run.primary?.cpuUs ?? NaN) / run.deliveries)),
      format(middle(runs, (run) => run.clientUs / run.deliveries)),
      Math.round(middle(runs, possible)).toLocaleString('en'),
      Math.round(middle(runs, rateOf)).toLocaleString('en'),
    ];
  });
  const edgeRows = edge.map(({ members, run }) => [
    members.toLocaleString('en'),
    run.deliveries.toLocaleString('en'),
    format(bytesOf(run)),
    format((run.primary?.bytesIn ?? NaN) / run.messages),
  ]);
  return `## The relay

${environment()} Load of the machine during the run: ${format(load)}.

Messages of 200 characters in one thread, in memory; the relay on a Unix socket; the load client of the fan-out benchmark; no native sender. CPU is that of the whole process,
medians of ${rounds} paired round${rounds === 1 ? '' : 's'}. On a quiet machine: \`npm run bench:relay -- --out docs/benchmarks.md\`.

### Targets of the relay

${table(['target', 'wanted', 'measured'], targets)}

What a message costs its sender, whatever its members, is spread over 200 deliveries in a worker, and over 400 in a process with the members of both. The publishing worker pays one write to
the primary and one wake-up for the answer besides: the entry does not come back to it.
A profile divides that: 42 % is the write (half of it the system call), 40 % what \`ws\` and the streams of Node do with the answer's bytes, and 18 % the answer itself. Masking is 2 % of it at most.

### The primary

Microseconds of CPU for a message with two workers, 64 messages in flight:

${table(['members of each worker', 'us'], primaryRows)}

At 1,000 messages a second with idle processes it is ${format(middle(trickle, ({ us }) => us))} us. A process that only passes the same bytes on takes ${format(middle(trickle, ({ bareUs }) => bareUs))} us: most of it is what waking the two workers costs the system. Under load
they are awake.

### Deliveries a second

200 members of each worker, 400 of the single process, eight messages in flight, the load client beside them. "Possible" is what the CPU time allows on two cores, where a process has one core at
most; the last column is what was reached beside everything else on the machine (workers to one process: ${format(walled)} x).

${table(['', 'hubs, us a delivery', 'primary', 'load client', 'possible a second', 'reached'], rates)}

### An edge node

One node with its members behind a primary. It sends the messages itself, so the primary sends it the answers:

${table(['members', 'deliveries', 'bytes from the primary for a message', 'bytes to it'], edgeRows)}

### What a thread holds

In the memory of its process, of 20,000: ${format(threads.joined / 1_000)} KB while it has a member, and ${format(threads.quiet / 1_000)} KB with a message of 200 characters and none, until it has been idle for
\`threadIdleMs\`. After that the memory log keeps 1 KiB, and 1 KiB and its bytes for each message.`;
}
