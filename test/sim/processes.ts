import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { merge, newTally, type Tally } from './tally.ts';

/** Schedules for one process. */
export interface Share {
  readonly from: number;
  readonly seeds: number;
  readonly isBrief: boolean;
  readonly redis: number;
}

export interface Answer {
  readonly tally: Tally;
  /** The story of the first schedule that failed. */
  readonly failure: string | undefined;
}

/** Which schedules to run. */
export interface Run {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly isBrief?: boolean | undefined;
  /** The share of the schedules whose log is over a model of Redis. @default 0 */
  readonly redis?: number | undefined;
  /** Schedules that a process runs before it asks for more: an end of the run waits for them. @default 25 */
  readonly share?: number | undefined;
  /** Of the schedules before these. @default none */
  readonly before?: Tally | undefined;
  /** Called after each share, in the order of the seeds. */
  readonly onShare?: ((soFar: Outcome) => void) | undefined;
  /** Ends the run after the shares that have begun. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a run has come. */
export interface Outcome {
  readonly tally: Tally;
  /** The first seed that has not run. */
  readonly next: number;
  readonly failure: string | undefined;
}

/**
 * Young objects die young here: fewer collections with more room for them, and no threads beside the one that computes. What has been compiled
 * once is needed again. Marking step by step lets garbage of hundreds of schedules stay, and copies it: one collection of a heap that is
 * nearly empty costs less.
 */
const FLAGS = [
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--single-threaded-gc',
  '--no-incremental-marking',
  '--no-flush-bytecode',
];

/** The profile is flat: in fewer schedules, V8's best compiler takes longer over it than its code saves. */
const WORTH_COMPILING = 500;

/** V8's flags for a process that runs so many schedules. */
export function flagsFor(schedules: number): readonly string[] {
  return schedules < WORTH_COMPILING ? [...FLAGS, '--no-turbofan'] : FLAGS;
}

/** Runs schedules in processes of their own, until one fails. */
export async function runAll(run: Run): Promise<Outcome> {
  const {
    from,
    seeds,
    workers,
    isBrief = false,
    redis = 0,
    share: size = 25,
    before = newTally(),
    onShare,
    signal,
  } = run;
  const end = from + seeds;
  const answers = new Map<number, Answer>();
  let begun = from;
  let next = from;
  let failure: string | undefined;

  /** Shares that are over while an earlier one is not wait for it: the seeds up to `next` have run, and no others count. */
  const settle = (): void => {
    for (let answer = answers.get(next); answer !== undefined; answer = answers.get(next)) {
      answers.delete(next);
      merge(before, answer.tally);
      failure ??= answer.failure;
      // one that failed has not run the rest of its share
      next += answer.tally.schedules;
      onShare?.({ tally: before, next, failure });
    }
  };

  /** Gives a process its shares, one after another. */
  const feed = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      let share: Share | undefined;
      const give = (): void => {
        if (signal?.aborted === true || failure !== undefined || begun >= end) {
          child.disconnect();
          return;
        }
        share = { from: begun, seeds: Math.min(size, end - begun), isBrief, redis };
        begun += share.seeds;
        child.send(share);
      };
      child.on('message', (answer: Answer) => {
        if (share !== undefined) answers.set(share.from, answer);
        settle();
        give();
      });
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`a process of the simulator ended with ${String(code)}`));
      });
      give();
    });

  const path = fileURLToPath(new URL('./run-worker.ts', import.meta.url));
  const execArgv = [...flagsFor(seeds / workers)];
  const children = Array.from({ length: workers }, () => fork(path, { execArgv }));
  await Promise.all(children.map(feed));
  return { tally: before, next, failure };
}
