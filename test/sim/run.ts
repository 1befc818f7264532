import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { merge, newTally, report, tooSmall, type Tally } from './tally.ts';

// npm run sim -- [--seeds 1000] [--from 1] [--workers N] [--brief]
//
// Schedule after schedule, a process for each core, until one fails. Ctrl-C ends it and prints the seed to go on from. `--brief` does not
// shorten the story of a failure.

/** Schedules for one process. */
export interface Share {
  readonly from: number;
  readonly seeds: number;
  readonly isBrief: boolean;
}

export interface Answer {
  readonly tally: Tally;
  /** The story of the first schedule that failed. */
  readonly failure: string | undefined;
}

/** Schedules that a process runs before it asks for more: Ctrl-C waits for them. */
const SHARE = 25;

/** How often it says how far it is, in schedules. */
const TOLD_EVERY = 10_000;

/** Below this many schedules, their medians say nothing. */
const ENOUGH = 200;

/** Young objects die young here: fewer collections with more room for them. */
const FLAGS = ['--max-semi-space-size=32'];

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

const isBrief = process.argv.includes('--brief');
const end = option('from', 1) + option('seeds', 1_000);
let next = option('from', 1);
let isOver = false;
const total = newTally();

process.on('SIGINT', () => {
  isOver = true;
});

const children = Array.from({ length: option('workers', availableParallelism()) }, () =>
  fork(fileURLToPath(new URL('./run-worker.ts', import.meta.url)), { execArgv: FLAGS }),
);
await Promise.all(children.map(feed));

process.stdout.write(`${report(total)}\n`);
if (next < end) process.stdout.write(`go on: npm run sim -- --seeds ${end - next} --from ${next}\n`);
if (total.schedules >= ENOUGH) {
  for (const measure of tooSmall(total)) {
    process.stdout.write(`TOO SMALL: ${measure}\n`);
    process.exitCode = 1;
  }
}

/** Gives a process its shares, one after another. */
async function feed(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const give = (): void => {
    if (isOver || next >= end) {
      child.disconnect();
      resolve();
      return;
    }
    const share: Share = { from: next, seeds: Math.min(SHARE, end - next), isBrief };
    next += share.seeds;
    child.send(share);
  };
  child.on('message', ({ tally, failure }: Answer) => {
    const told = Math.floor(total.schedules / TOLD_EVERY);
    merge(total, tally);
    if (failure !== undefined) {
      isOver = true;
      process.exitCode = 1;
      process.stdout.write(`${failure}\n`);
    } else if (Math.floor(total.schedules / TOLD_EVERY) > told) process.stdout.write(`${report(total)}\n`);
    give();
  });
  child.once('exit', (code) => {
    if (code !== 0) reject(new Error(`a process of the simulator ended with ${String(code)}`));
  });
  give();
  await promise;
}
