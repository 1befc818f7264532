import { Dice } from './dice.ts';
import { FAULTS, type Fault } from './faults.ts';
import { USERS, type Act, type Schedule, type Step } from './schedule.ts';
import type { Temper } from './sim-workers.ts';

/** What the application does in a schedule; each draws its own mix, as with faults. */
const HABITS = [
  'edits',
  'values',
  'streams',
  'kicks',
  'erases',
  'history',
  'repeats',
  'exceptions',
  'groups',
  'big messages',
] as const;
type Habit = (typeof HABITS)[number];

interface Mix {
  readonly nodes: number;
  readonly clients: number;
  readonly threads: number;
  readonly faults: readonly Fault[];
  readonly habits: readonly Habit[];
  readonly workers: Temper | undefined;
  readonly zlib: Temper | undefined;
}

/** The schedule of a seed. */
export function draw(seed: number, length = 60): Schedule {
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
  const habits = HABITS.filter((habit) => dice.chance(habit === 'big messages' ? 0.25 : 0.45));
  const mix: Mix = {
    nodes: dice.pick([1, 2, 2, 2, 3]),
    clients: dice.pick([4, 4, 5]),
    threads: dice.pick([1, 2, 2]),
    faults,
    habits,
    workers: temper(),
    zlib: temper(),
  };
  const { nodes, clients, threads, workers, zlib } = mix;
  return {
    seed,
    nodes,
    clients,
    threads,
    maxEntries: dice.pick([5, 50, 1_000]),
    faults,
    workers,
    zlib,
    sessionMs: isQuiet ? undefined : dice.chance(0.3) ? dice.int(6_000, 15_000) : undefined,
    outsider: dice.chance(0.4) ? dice.int(0, USERS - 1) : undefined,
    steps: Array.from({ length }, (): Step => ({ act: drawAct(dice, mix), waitMs: drawWait(dice) })),
  };
}

function drawWait(dice: Dice): number {
  return dice.weighted([
    [5, 0],
    [5, dice.int(1, 50)],
    [4, dice.int(50, 600)],
    [1, dice.int(600, 5_000)],
  ]);
}

function drawAct(dice: Dice, mix: Mix): Act {
  const { faults, habits } = mix;
  const client = dice.int(0, mix.clients - 1);
  const node = dice.int(0, mix.nodes - 1);
  const thread = dice.int(0, mix.threads - 1);
  const user = dice.int(0, USERS - 1);
  const key = dice.int(0, 2);
  const ttlMs = dice.chance(0.5) ? dice.int(100, 6_000) : undefined;
  const size = drawSize(dice, mix);
  const if_ = (fault: Fault, weight: number): number => (faults.includes(fault) ? weight : 0);
  const often = (habit: Habit, weight: number): number => (habits.includes(habit) ? weight : 0);
  return dice.weighted<Act>([
    [24, drawSend(dice, mix, node, thread, size)],
    [9, { act: 'publish', client, thread, size: Math.min(size, 20_000) }],
    [often('repeats', 4), { act: 'repeat', client }],
    [often('groups', 4), { act: 'sendToAll', node, size: Math.min(size, 2_000) }],
    [often('edits', 6), { act: 'edit', node, thread, size: Math.min(size, 2_000) }],
    [often('edits', 2), { act: 'remove', node, thread }],
    [4, { act: 'join', client, thread }],
    [3, { act: 'leave', client, thread }],
    [often('kicks', 2), { act: 'kick', client, thread }],
    [often('kicks', 1), { act: 'kickUser', node, user, thread }],
    [often('kicks', 1), { act: 'closeUser', node, user }],
    [often('erases', 1), { act: 'erase', node, thread }],
    [often('history', 4), { act: 'older', client, thread }],
    [
      often('streams', 4),
      { act: 'stream', node, thread, chunks: dice.int(1, 12), everyMs: dice.pick([0, 10, 100, 400]) },
    ],
    [often('values', 4), { act: 'setValue', node, thread, key, ttlMs }],
    [often('values', 2), { act: 'dropValue', node, thread, key }],
    [often('values', 5), { act: 'clientValue', client, thread, key, ttlMs, isOwned: dice.chance(0.5) }],
    [if_('cut', 5), { act: 'cut', client }],
    [if_('silence', 2), { act: 'silence', client }],
    [if_('stall', 4), { act: 'stall', client }],
    [if_('stall', 3), { act: 'resume', client }],
    [if_('stall', 3), { act: 'take', client, bytes: dice.int(1, dice.pick([300, 400_000])) }],
    [if_('crashClient', 2), { act: 'crashClient', client }],
    [if_('crashNode', 2), { act: 'crashNode', node, isTold: dice.chance(0.7) }],
    [faults.includes('crashNode') || faults.includes('drain') ? 5 : 0, { act: 'startNode', node }],
    [if_('freezeNode', 2), { act: 'freezeNode', node }],
    [if_('freezeNode', 4), { act: 'thawNode', node }],
    [if_('holdNode', 3), { act: 'holdNode', node, ms: dice.pick([20, 300, 4_000]) }],
    [if_('slowNode', 2), { act: 'slowNode', node, costMs: dice.pick([0, 0.02, 0.1]) }],
    [if_('jumpClock', 2), { act: 'jumpClock', node, ms: dice.pick([-3_600_000, -2_000, 2_000, 3_600_000]) }],
    [if_('drain', 1), { act: 'drain', node }],
    [if_('loseLog', 1), { act: 'loseLog' }],
    [if_('restoreLog', 1), { act: 'restoreLog', lost: dice.int(1, 6) }],
  ]);
}

/** Small, a frame of several fragments, or parts. */
function drawSize(dice: Dice, { faults, habits, zlib }: Mix): number {
  const size = dice.weighted([
    [20, dice.int(0, 2_000)],
    [1, 66_000],
    [1, dice.int(262_144, 400_000)],
  ]);
  // a line that takes its time for a big message may fall behind a short log: without faults, no message is big
  if (!habits.includes('big messages') || faults.length === 0) return Math.min(size, 2_000);
  // parts are compressed by zlib itself, in its own time: with compression, no message is that big
  return zlib === undefined ? size : Math.min(size, 66_000);
}

function drawSend(dice: Dice, { habits, workers }: Mix, node: number, thread: number, size: number): Act {
  const lane = dice.weighted([
    [8, 'normal' as const],
    [2, 'critical' as const],
    [1, 'volatile' as const],
  ]);
  const times = dice.weighted([
    [6, 1],
    [2, dice.int(2, 5)],
    [0.6, dice.int(6, 24)],
  ]);
  return {
    act: 'send',
    node,
    thread,
    lane,
    size,
    times: size > 10_000 ? 1 : times,
    isRecipe: workers !== undefined && dice.chance(0.3),
    except: habits.includes('exceptions') && dice.chance(0.3) ? dice.int(0, USERS - 1) : undefined,
  };
}
