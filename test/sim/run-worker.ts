import { draw } from './draw.ts';
import { simulate, story } from './simulate.ts';
import { count, newTally } from './tally.ts';
import type { Answer, Share } from './processes.ts';

// the coordinator decides when it is over, also after Ctrl-C
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

process.on('message', (share: Share) => {
  void run(share).then((answer) => process.send?.(answer));
});

/** A process of `npm run sim`: runs the schedules that it is given, up to the first one that fails. */
async function run({ from, seeds, isBrief, redis }: Share): Promise<Answer> {
  const tally = newTally();
  const begun = process.cpuUsage();
  let failure: string | undefined;
  for (let seed = from; seed < from + seeds && failure === undefined; seed++) {
    const schedule = draw(seed, undefined, redis);
    const verdict = await withoutStacks(() => simulate(schedule));
    count(tally, schedule, verdict);
    const [wrong] = verdict.violations;
    if (wrong !== undefined) failure = isBrief ? `seed ${seed}: ${wrong}` : await story(seed, redis);
  }
  const { user, system } = process.cpuUsage(begun);
  tally.cpuMs = (user + system) / 1_000;
  return { tally, failure };
}

/** Calls are refused by the dozen in a schedule, and V8 walks the stack for each error: only a story needs that. */
async function withoutStacks<T>(work: () => Promise<T>): Promise<T> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
