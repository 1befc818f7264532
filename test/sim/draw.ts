import { Dice } from './dice.ts';
import { FAULTS } from './faults.ts';
import { overRedis } from './redis/redis-faults.ts';
import { HABITS, repertoireOf, type Mix } from './repertoire.ts';
import { USERS, type Schedule, type SseUse, type Step } from './schedule.ts';
import type { Temper } from './sim-workers.ts';

/**
 * The schedule of a seed.
 * @param redis the share of the schedules whose log is a real one, over a model of Redis
 */
export function draw(seed: number, length = 60, redis = 0): Schedule {
  return overRedis(drawPlain(seed, length), redis);
}

function drawPlain(seed: number, length: number): Schedule {
  const dice = new Dice(seed);
  // some runs have no faults: there, not even a gap is allowed
  const isQuiet = dice.chance(0.06);
  const faults = FAULTS.filter(() => dice.chance(0.5) && !isQuiet);
  const temper = (): Temper | undefined =>
    dice.weighted([
      [2, undefined],
      [1, 'well'],
      [1, isQuiet ? 'well' : 'failing'],
    ]);
  const mix: Mix = {
    habits: HABITS.filter((habit) => dice.chance(habit === 'big messages' ? 0.2 : 0.45)),
    nodes: dice.pick([1, 2, 2, 2, 3]),
    clients: dice.pick([4, 4, 4, 5]),
    threads: dice.pick([1, 2, 2]),
    faults,
    workers: temper(),
    zlib: temper(),
    maxMessageBytes: dice.chance(0.4) ? undefined : dice.pick([70_000, 262_144, 262_145, 300_000]),
  };
  const { habits: _habits, ...drawn } = mix;
  const next = repertoireOf(mix, dice);
  return {
    ...drawn,
    seed,
    maxEntries: dice.pick([5, 50, 1_000]),
    maxBytes: isQuiet || dice.chance(0.7) ? undefined : dice.pick([20_000, 400_000]),
    highWaterMarkBytes: dice.chance(0.5) ? undefined : 262_144,
    sessionMs: isQuiet ? undefined : dice.chance(0.3) ? dice.int(6_000, 15_000) : undefined,
    outsider: dice.chance(0.4) ? dice.int(0, USERS - 1) : undefined,
    sse: drawSse(seed, mix.clients),
    steps: Array.from({ length }, (): Step => ({ act: next(), waitMs: drawWait(dice) })),
  };
}

/** One client in six uses Server-Sent Events. Dice of their own: the rest of a seed's schedule stays what it was. */
function drawSse(seed: number, clients: number): Schedule['sse'] {
  const dice = new Dice(seed ^ 0x55e);
  return Array.from({ length: clients }, (): SseUse | undefined =>
    dice.weighted([
      [30, undefined],
      [4, 'always'],
      [1, 'blocked'],
      [1, 'at times'],
    ]),
  );
}

function drawWait(dice: Dice): number {
  return dice.weighted([
    [5, 0],
    [5, dice.int(1, 50)],
    [4, dice.int(50, 600)],
    [1, dice.int(600, 5_000)],
  ]);
}
