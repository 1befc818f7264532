import { inMacrotask } from './drain-jobs.ts';
import { draw } from './draw.ts';
import { tell, type Schedule } from './schedule.ts';
import { timeOfDay } from './node-clock.ts';
import { World } from './world.ts';

/** How a schedule ended. */
export interface Verdict {
  readonly violations: readonly string[];
  readonly deliveries: number;
  readonly seen: ReadonlyMap<string, number>;
}

export function simulate(schedule: Schedule): Promise<Verdict> {
  return inMacrotask(() => {
    const world = new World(schedule);
    const listeners = processListeners();
    const systemTime = Date.now;
    const { fetch: systemFetch } = globalThis;
    try {
      // nothing else runs meanwhile: it is all one call
      Date.now = () => Math.floor(world.clock.wallTime() + timeOfDay.skewMs);
      globalThis.fetch = (url, init = {}) => world.fetch(url instanceof Request ? url.url : url.toString(), init);
      world.run();
      if (processListeners() !== listeners) world.ledger.complain('listeners of the process are left');
    } catch (error) {
      world.ledger.complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      Date.now = systemTime;
      globalThis.fetch = systemFetch;
    }
    const { violations, deliveries, seen } = world.ledger;
    return { violations, deliveries, seen };
  });
}

function processListeners(): number {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
}

/** Leaves out steps as long as it still fails. */
async function shrink(schedule: Schedule): Promise<Schedule> {
  let small = schedule;
  for (let size = Math.ceil(small.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < small.steps.length;) {
      const steps = [...small.steps.slice(0, from), ...small.steps.slice(from + size)];
      const candidate = { ...small, steps };
      if ((await simulate(candidate)).violations.length > 0) small = candidate;
      else from += size;
    }
  }
  return small;
}

/** The failure of a seed as a story: what happened, as short as it still fails, and what was wrong. */
export async function story(seed: number, redis = 0): Promise<string> {
  const schedule = await shrink(draw(seed, undefined, redis));
  const { violations } = await simulate(schedule);
  const { nodes, clients, threads, maxEntries, sessionMs, outsider } = schedule;
  return [
    `seed ${seed}: ${nodes} nodes, ${clients} clients, ${threads} threads of at most ${maxEntries} entries`,
    ...(sessionMs === undefined ? [] : [`sessions of ${sessionMs} ms`]),
    ...(outsider === undefined ? [] : [`user${outsider} may not join thread0`]),
    ...schedule.steps.map((step, i) => `${i + 1}. ${tell(step)}`),
    ...violations.map((violation) => `WRONG: ${violation}`),
    `again: npm run sim -- --seeds 1 --from ${seed}${redis > 0 ? ` --redis ${redis}` : ''}`,
  ].join('\n');
}
