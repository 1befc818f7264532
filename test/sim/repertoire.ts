import type { Dice } from './dice.ts';
import type { Fault } from './faults.ts';
import { USERS, type Act, type Schedule } from './schedule.ts';

/** What the application does in a schedule; each draws its own mix, as with faults. */
export const HABITS = [
  'edits',
  'values',
  'streams',
  'chunks',
  'bytes',
  'kicks',
  'erases',
  'history',
  'repeats',
  'exceptions',
  'groups',
  'big messages',
] as const;
export type Habit = (typeof HABITS)[number];

/** What a schedule is drawn from. */
export interface Mix extends Pick<
  Schedule,
  'nodes' | 'clients' | 'threads' | 'faults' | 'workers' | 'zlib' | 'maxMessageBytes'
> {
  readonly habits: readonly Habit[];
}

/** Where and how big, the same for each act. */
interface About {
  readonly client: number;
  readonly node: number;
  readonly thread: number;
  readonly user: number;
  readonly key: number;
  readonly ttlMs: number | undefined;
  readonly size: number;
}

interface Kind {
  readonly weight: number;
  /** The act is only for schedules with one of them. @default for all */
  readonly of?: readonly (Fault | Habit)[];
  readonly draw: (about: About, dice: Dice, mix: Mix) => Act;
}

const KINDS: readonly Kind[] = [
  { weight: 24, draw: drawSend },
  {
    weight: 9,
    draw: ({ client, thread, size }, dice, mix) => {
      const isBytes = mix.habits.includes('bytes') && dice.chance(0.4);
      return { act: 'publish', client, thread, size: drawPublished(size, dice, mix), isBytes };
    },
  },
  { weight: 4, of: ['repeats'], draw: ({ client }) => ({ act: 'repeat', client }) },
  { weight: 4, of: ['groups'], draw: ({ node, size }) => ({ act: 'sendToAll', node, size: Math.min(size, 2_000) }) },
  {
    weight: 6,
    of: ['edits'],
    draw: ({ node, thread, size }) => ({ act: 'edit', node, thread, size: Math.min(size, 2_000) }),
  },
  { weight: 2, of: ['edits'], draw: ({ node, thread }) => ({ act: 'remove', node, thread }) },
  { weight: 4, draw: ({ client, thread }) => ({ act: 'join', client, thread }) },
  { weight: 3, draw: ({ client, thread }) => ({ act: 'leave', client, thread }) },
  { weight: 2, of: ['kicks'], draw: ({ client, thread }) => ({ act: 'kick', client, thread }) },
  { weight: 1, of: ['kicks'], draw: ({ node, user, thread }) => ({ act: 'kickUser', node, user, thread }) },
  { weight: 1, of: ['kicks'], draw: ({ node, user }) => ({ act: 'closeUser', node, user }) },
  { weight: 1, of: ['erases'], draw: ({ node, thread }) => ({ act: 'erase', node, thread }) },
  { weight: 4, of: ['history'], draw: ({ client, thread }) => ({ act: 'older', client, thread }) },
  { weight: 4, of: ['streams'], draw: (about, dice) => drawStream(about, dice, false) },
  { weight: 4, of: ['chunks'], draw: (about, dice) => drawStream(about, dice, true) },
  {
    weight: 4,
    of: ['values'],
    draw: ({ node, thread, key, ttlMs }) => ({ act: 'setValue', node, thread, key, ttlMs }),
  },
  { weight: 2, of: ['values'], draw: ({ node, thread, key }) => ({ act: 'dropValue', node, thread, key }) },
  {
    weight: 5,
    of: ['values'],
    draw: ({ client, thread, key, ttlMs }, dice) => {
      const isOwned = dice.chance(0.5);
      return { act: 'clientValue', client, thread, key, ttlMs, isOwned };
    },
  },
  { weight: 5, of: ['cut'], draw: ({ client }) => ({ act: 'cut', client }) },
  {
    weight: 3,
    of: ['cut'],
    draw: ({ client }, dice) => ({ act: 'cutAfter', client, bytes: dice.int(0, dice.pick([10, 300, 3_000, 300_000])) }),
  },
  {
    weight: 1,
    of: ['burst'],
    draw: ({ node, thread }, dice) => {
      // readers stand between two texts, which fold, most of the time
      const before = dice.pick([2, 3, 7, 8, dice.int(1, 12)]);
      const chunks = dice.pick([20, 700, 700]);
      return { act: 'burst', node, thread, before, everyMs: dice.pick([60, 200, 200]), chunks };
    },
  },
  { weight: 2, of: ['silence'], draw: ({ client }) => ({ act: 'silence', client }) },
  { weight: 4, of: ['stall'], draw: ({ client }) => ({ act: 'stall', client }) },
  { weight: 3, of: ['stall'], draw: ({ client }) => ({ act: 'resume', client }) },
  {
    weight: 3,
    of: ['stall'],
    draw: ({ client }, dice) => ({ act: 'take', client, bytes: dice.int(1, dice.pick([300, 400_000])) }),
  },
  {
    weight: 3,
    of: ['latency'],
    draw: ({ client }, dice) => {
      const toClientMs = dice.pick([1, 5, 40, 150, 400]);
      const toHubMs = dice.pick([1, 5, 40, 150, 400]);
      return { act: 'latency', client, toClientMs, toHubMs, jitterMs: dice.pick([0, 3, 30, 300]) };
    },
  },
  { weight: 2, of: ['crashClient'], draw: ({ client }) => ({ act: 'crashClient', client }) },
  { weight: 1.5, of: ['crashNode'], draw: ({ node }, dice) => ({ act: 'crashNode', node, isTold: dice.chance(0.7) }) },
  { weight: 5, of: ['crashNode', 'drain'], draw: ({ node }) => ({ act: 'startNode', node }) },
  { weight: 2, of: ['freezeNode'], draw: ({ node }) => ({ act: 'freezeNode', node }) },
  { weight: 4, of: ['freezeNode'], draw: ({ node }) => ({ act: 'thawNode', node }) },
  {
    weight: 3,
    of: ['holdNode'],
    draw: ({ node }, dice) => ({ act: 'holdNode', node, ms: dice.pick([20, 300, 4_000]) }),
  },
  {
    weight: 2,
    of: ['slowNode'],
    draw: ({ node }, dice) => ({ act: 'slowNode', node, costMs: dice.pick([0, 0.02, 0.1, 1]) }),
  },
  {
    weight: 2,
    of: ['jumpClock'],
    draw: ({ node }, dice) => ({ act: 'jumpClock', node, ms: dice.pick([-3_600_000, -2_000, 2_000, 3_600_000]) }),
  },
  { weight: 1, of: ['drain'], draw: ({ node }) => ({ act: 'drain', node }) },
  { weight: 0.7, of: ['loseLog'], draw: () => ({ act: 'loseLog' }) },
  { weight: 0.7, of: ['restoreLog'], draw: (_about, dice) => ({ act: 'restoreLog', lost: dice.int(1, 6) }) },
];

/** Draws the acts of a schedule, one after another. */
export function repertoireOf(mix: Mix, dice: Dice): () => Act {
  const has = new Set<string>([...mix.faults, ...mix.habits]);
  const kinds = KINDS.filter(({ of }) => of === undefined || of.some((one) => has.has(one)));
  const weighted = kinds.map((kind) => [kind.weight, kind] as const);
  return () => {
    const { draw } = dice.weighted(weighted);
    const about = {
      client: dice.int(0, mix.clients - 1),
      node: dice.int(0, mix.nodes - 1),
      thread: dice.int(0, mix.threads - 1),
      user: dice.int(0, USERS - 1),
      key: dice.int(0, 2),
      ttlMs: dice.chance(0.5) ? dice.int(100, 6_000) : undefined,
      size: drawSize(dice, mix),
    };
    return draw(about, dice, mix);
  };
}

/** At which lengths take another number of bytes (RFC 6455 section 5.2), and big messages come in parts. */
const EDGES = [65_535, 65_536, 262_144];

/** Small, a frame of several fragments, or parts. */
function drawSize(dice: Dice, { faults, habits, zlib, maxMessageBytes = Infinity }: Mix): number {
  const size = dice.weighted([
    [1, dice.int(0, 2)],
    [13, dice.int(0, 200)],
    [6, dice.int(200, 2_000)],
    [1, 66_000],
    // of the message without its other fields, or of the frame around it
    [1.5, dice.pick(EDGES) - dice.pick([dice.int(40, 48), dice.int(111, 121), dice.int(111, 121)])],
    // each of its bytes is copied a dozen times on its way to the clients
    [0.5, dice.int(262_144, 330_000)],
    [0.05, dice.int(1_000_000, 6_000_000)],
  ]);
  // a line that takes its time for a big message may fall behind a short log: without faults, no message is big
  if (!habits.includes('big messages') || faults.length === 0) return Math.min(size, 2_000);
  // parts are compressed by zlib itself, in its own time: with compression, no message is that big
  const most = zlib === undefined ? Infinity : 66_000;
  // wide characters take less than two bytes on the average
  return Math.min(size, most, Math.floor(maxMessageBytes / 2) - 100);
}

/** A client's frame may have 64 KiB. */
function drawPublished(size: number, dice: Dice, { habits }: Mix): number {
  return habits.includes('big messages') && dice.chance(0.05) ? 65_536 - dice.int(60, 140) : Math.min(size, 20_000);
}

function drawStream({ node, thread }: About, dice: Dice, isChunks: boolean): Act {
  return { act: 'stream', node, thread, chunks: dice.int(1, 12), everyMs: dice.pick([0, 10, 100, 400]), isChunks };
}

function drawSend(
  { node, thread, size }: About,
  dice: Dice,
  { habits, workers, zlib, faults, maxMessageBytes }: Mix,
): Act {
  const lane = dice.weighted([
    [8, 'normal' as const],
    [2, 'critical' as const],
    [1, 'volatile' as const],
  ]);
  const times = dice.weighted([
    [6, 1],
    [2, dice.int(2, 5)],
    [0.5, dice.int(6, 20)],
  ]);
  const as = dice.random();
  // refused before it takes any way, or as big as most are not
  const isAtLimit = maxMessageBytes !== undefined && zlib === undefined && faults.length > 0 && dice.chance(0.03);
  const beyond = isAtLimit ? dice.pick([0, 1, 1] as const) : undefined;
  if (beyond !== undefined) return { act: 'send', node, thread, lane, size, beyond, times: 1, as: 'json' };
  return {
    act: 'send',
    node,
    thread,
    lane,
    size,
    times: size > 10_000 ? 1 : times,
    as: workers !== undefined && as < 0.3 ? 'recipe' : habits.includes('bytes') && as > 0.65 ? 'bytes' : 'json',
    except: habits.includes('exceptions') && dice.chance(0.3) ? dice.int(0, USERS - 1) : undefined,
  };
}
