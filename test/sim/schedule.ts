import { Dice } from './dice.ts';
import type { Temper } from './sim-workers.ts';

/** Kinds of trouble; each schedule draws its own mix. */
export const FAULTS = [
  'cut',
  'silence',
  'stall',
  'crashNode',
  'freezeNode',
  'crashClient',
  'loseLog',
  'drain',
] as const;
export type Fault = (typeof FAULTS)[number];

export type Act =
  | {
      readonly act: 'send';
      readonly node: number;
      readonly thread: number;
      readonly lane: 'normal' | 'critical' | 'volatile';
      readonly size: number;
      readonly times: number;
      /** The message is built by a worker. */
      readonly isRecipe: boolean;
    }
  | { readonly act: 'edit'; readonly node: number; readonly thread: number; readonly size: number }
  | { readonly act: 'remove'; readonly node: number; readonly thread: number }
  | { readonly act: 'publish'; readonly client: number; readonly thread: number; readonly size: number }
  | { readonly act: 'join' | 'leave' | 'kick'; readonly client: number; readonly thread: number }
  | {
      readonly act: 'stream';
      readonly node: number;
      readonly thread: number;
      readonly chunks: number;
      readonly everyMs: number;
    }
  | { readonly act: 'cut' | 'silence' | 'stall' | 'resume' | 'crashClient'; readonly client: number }
  | { readonly act: 'take'; readonly client: number; readonly bytes: number }
  | { readonly act: 'crashNode'; readonly node: number; readonly isTold: boolean }
  | { readonly act: 'startNode' | 'freezeNode' | 'thawNode' | 'drain'; readonly node: number }
  | { readonly act: 'loseLog' };

export interface Step {
  readonly act: Act;
  /** Until the next one. */
  readonly waitMs: number;
}

/** A whole run, as data: the same one gives the same run, and a step can be left out. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: number;
  readonly clients: number;
  readonly threads: number;
  readonly maxEntries: number;
  readonly faults: readonly Fault[];
  /** How the workers do, and zlib; undefined where none of them has anything to do. */
  readonly workers: Temper | undefined;
  readonly zlib: Temper | undefined;
  readonly steps: readonly Step[];
}

export function draw(seed: number, length = 60): Schedule {
  const dice = new Dice(seed);
  // some runs have no faults: there, not even a gap is allowed
  const isQuiet = dice.chance(0.1);
  const faults = FAULTS.filter(() => dice.chance(0.5) && !isQuiet);
  const shape = {
    nodes: dice.pick([1, 2, 2]),
    clients: dice.int(4, 6),
    threads: dice.int(1, 3),
    maxEntries: dice.pick([5, 50, 1_000]),
  };
  const steps = Array.from({ length }, () => ({
    act: drawAct(dice, shape, faults),
    waitMs: dice.weighted([
      [5, 0],
      [5, dice.int(1, 50)],
      [4, dice.int(50, 600)],
      [1, dice.int(600, 5_000)],
    ]),
  }));
  // dice of their own, so that a seed keeps the schedule that it had before
  const others = new Dice(seed ^ 0xfa17);
  const temper = (): Temper | undefined =>
    others.weighted([
      [2, undefined],
      [1, 'well'],
      [1, isQuiet ? 'well' : 'failing'],
    ]);
  const workers = temper();
  const zlib = temper();
  const isRecipe = (): boolean => workers !== undefined && others.chance(0.3);
  const editing = new Dice(seed ^ 0xed17);
  const hasEdits = editing.chance(0.4);
  const amended = (act: Act): Act => (hasEdits ? instead(act, editing) : act);
  return {
    seed,
    ...shape,
    faults,
    workers,
    zlib,
    steps: steps.map(({ act, waitMs }) => ({ act: amended(adapted(act, isRecipe(), zlib !== undefined)), waitMs })),
  };
}

/** Of some messages that are sent, an edit or a removal of an earlier one. */
function instead(act: Act, dice: Dice): Act {
  if (act.act !== 'send') return act;
  const { node, thread, size } = act;
  return dice.weighted<Act>([
    [6, act],
    [3, { act: 'edit', node, thread, size }],
    [1, { act: 'remove', node, thread }],
  ]);
}

/** Parts are compressed by zlib itself, in its own time: with compression, no message is that big. */
function adapted(act: Act, isRecipe: boolean, isDeflated: boolean): Act {
  if (act.act !== 'send') return act;
  return { ...act, isRecipe, size: isDeflated ? Math.min(act.size, 100_000) : act.size };
}

type Shape = Pick<Schedule, 'nodes' | 'clients' | 'threads'>;

function drawAct(dice: Dice, shape: Shape, faults: readonly Fault[]): Act {
  const client = dice.int(0, shape.clients - 1);
  const node = dice.int(0, shape.nodes - 1);
  const thread = dice.int(0, shape.threads - 1);
  // small, a frame of several fragments, parts
  const size = dice.weighted([
    [20, dice.int(0, 2_000)],
    [1, 100_000],
    [1, dice.int(262_144, 900_000)],
  ]);
  // a line that takes its time for a big message may fall behind a short log: without faults, no message is big
  const bytes = faults.length === 0 ? Math.min(size, 2_000) : size;
  const lane = dice.weighted([
    [8, 'normal' as const],
    [2, 'critical' as const],
    [1, 'volatile' as const],
  ]);
  const times = dice.weighted([
    [6, 1],
    [2, dice.int(2, 5)],
    [1, dice.int(6, 30)],
  ]);
  const if_ = (fault: Fault, weight: number): number => (faults.includes(fault) ? weight : 0);
  return dice.weighted<Act>([
    [30, { act: 'send', node, thread, lane, size: bytes, times: bytes > 10_000 ? 1 : times, isRecipe: false }],
    [12, { act: 'publish', client, thread, size: Math.min(bytes, 50_000) }],
    [5, { act: 'join', client, thread }],
    [3, { act: 'leave', client, thread }],
    [1, { act: 'kick', client, thread }],
    [3, { act: 'stream', node, thread, chunks: dice.int(1, 12), everyMs: dice.pick([0, 10, 100, 400]) }],
    [if_('cut', 6), { act: 'cut', client }],
    [if_('silence', 2), { act: 'silence', client }],
    [if_('stall', 5), { act: 'stall', client }],
    [if_('stall', 4), { act: 'resume', client }],
    [if_('stall', 4), { act: 'take', client, bytes: dice.int(1, 400_000) }],
    [if_('crashClient', 3), { act: 'crashClient', client }],
    [if_('crashNode', 2), { act: 'crashNode', node, isTold: dice.chance(0.7) }],
    [faults.includes('crashNode') || faults.includes('drain') ? 5 : 0, { act: 'startNode', node }],
    [if_('freezeNode', 2), { act: 'freezeNode', node }],
    [if_('freezeNode', 5), { act: 'thawNode', node }],
    [if_('drain', 1), { act: 'drain', node }],
    [if_('loseLog', 1), { act: 'loseLog' }],
  ]);
}

/** A step in words. */
export function tell({ act, waitMs }: Step): string {
  const { act: what, ...about } = act;
  const facts = Object.entries(about).map(([name, value]) => `${name} ${String(value)}`);
  return `${what} ${facts.join(', ')}${waitMs > 0 ? `; then ${waitMs} ms pass` : ''}`;
}
