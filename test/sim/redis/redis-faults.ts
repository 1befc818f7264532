import { Dice } from '../dice.ts';
import type { Act, Schedule, Step } from '../schedule.ts';
import { REDIS_FAULTS, type RedisFault } from './fault-names.ts';

/**
 * A share of the schedules has its log over a model of Redis. It is drawn apart from the rest, so that a seed is otherwise what it was.
 * Where the log is lost or restored in other schedules, it is the Redis here, and the processes go on.
 */
export function overRedis(schedule: Schedule, share: number): Schedule {
  const dice = new Dice(schedule.seed ^ 0x2ed15);
  if (!dice.chance(share)) return schedule;
  const faults = REDIS_FAULTS.filter(() => dice.chance(0.4));
  const fault = (what: RedisFault): Act => ({
    act: 'redis',
    what,
    node: dice.chance(0.5) ? dice.int(0, schedule.nodes - 1) : undefined,
    ms: dice.pick([0, 30, 400, 1_500, 6_000]),
    back: dice.int(1, 10),
  });
  const isQuiet = schedule.faults.length === 0;
  const steps = schedule.steps.map((step): Step => {
    const { act } = step.act;
    if (act === 'loseLog') return { ...step, act: fault('lose') };
    if (act === 'restoreLog') return { ...step, act: fault(dice.pick(['restore', 'fail over'])) };
    return !isQuiet && faults.length > 0 && dice.chance(0.12) ? { ...step, act: fault(dice.pick(faults)) } : step;
  });
  return { ...schedule, steps, isRedis: true };
}
