import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runAll, type Outcome } from './processes.ts';
import { newTally, report, tooSmall, type Tally } from './tally.ts';

// npm run sim -- [--seeds 1000] [--from 1] [--workers N] [--state file] [--redis share] [--brief]
//
// Schedule after schedule, a process for each core, until one fails. Ctrl-C ends it and prints the seed to go on from. With `--state`, the
// file has what has been run, and the same command goes on after it, whatever has ended the one before. `--brief` does not shorten the story
// of a failure. With `--redis 0.5`, half of the schedules have real Redis logs, over a model of Redis that fails.

/** How often it says how far it is, in schedules. */
const TOLD_EVERY = 10_000;

/** Below this many schedules, their medians say nothing. */
const ENOUGH = 200;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    state: { type: 'string' },
    redis: { type: 'string', default: '0' },
    brief: { type: 'boolean', default: false },
  },
});

/** What a file of `--state` has. */
interface State {
  readonly next: number;
  readonly tally: Tally;
}

const { state } = values;
const first = Number(values.from);
const end = first + Number(values.seeds);
const saved: State = state !== undefined && existsSync(state) ? read(state) : { next: first, tally: newTally() };

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort());

let told = Math.floor(saved.tally.schedules / TOLD_EVERY);
const { tally, next, failure } = await runAll({
  from: saved.next,
  seeds: end - saved.next,
  workers: Number(values.workers),
  isBrief: values.brief,
  redis: Number(values.redis),
  before: saved.tally,
  signal: ending.signal,
  onShare,
});

if (failure !== undefined) {
  process.stdout.write(`${failure}\n`);
  process.exitCode = 1;
}
process.stdout.write(`${report(tally)}\n`);
if (next < end) process.stdout.write(`go on: npm run sim -- --seeds ${end - next} --from ${next}\n`);
if (tally.schedules >= ENOUGH) {
  for (const measure of tooSmall(tally)) {
    process.stdout.write(`TOO SMALL: ${measure}\n`);
    process.exitCode = 1;
  }
}

function onShare(soFar: Outcome): void {
  if (state !== undefined) {
    // never half a file, whenever the process ends
    writeFileSync(`${state}.new`, JSON.stringify({ next: soFar.next, tally: soFar.tally }));
    renameSync(`${state}.new`, state);
  }
  const times = Math.floor(soFar.tally.schedules / TOLD_EVERY);
  if (times > told) process.stdout.write(`${report(soFar.tally)}\n`);
  told = times;
}

function read(file: string): State {
  const state: State = JSON.parse(readFileSync(file, 'utf8'));
  return state;
}
