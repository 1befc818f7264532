import type { Hub } from 'threadcast';
import type { Published } from './audit.ts';
import type { Books, Crowd } from './crowd/crowd.ts';
import type { Flags } from './flags.ts';
import type { Block, LoopProbe } from './loop-probe.ts';
import { play } from './player.ts';
import type { Line } from './recording.ts';
import { threads } from './threads.ts';
import type { Waiting } from './waiting.ts';

/** After how many messages of the conversation the clients that stop reading do so. */
const STOP_AFTER = 6;

/** How long after the last message the crowd may take: far longer than it does, also where others have most of the machine. */
const FINISH_MS = 120_000;

/** What the demo is made of. */
export interface Cast {
  readonly hub: Hub;
  readonly crowd: Crowd;
  readonly probe: LoopProbe;
  readonly waiting: Waiting;
  readonly lines: readonly Line[];
  readonly flags: Flags;
  readonly signal: AbortSignal;
  /** Lets the agent ask for an approval. */
  readonly ask: (play: number) => Promise<void>;
}

/** A connection that the hub ended. */
export interface Eviction {
  readonly user: string;
  readonly code: number;
  readonly reason: string;
  /** Seconds after the beginning of the play. */
  readonly after: number;
}

/** How one play went. */
export interface Played {
  readonly play: number;
  readonly published: readonly Published[];
  readonly evictions: readonly Eviction[];
  readonly longestBlock: Block;
  readonly seconds: number;
}

/**
 * Plays the conversation to the crowd. On the way some clients stop reading; once the hub has evicted them they wake up, come
 * back with their positions and catch up. Ends when everybody has everything, or when the time is up.
 */
export async function perform(cast: Cast, number: number): Promise<Played> {
  const { hub, crowd, probe, waiting, lines, flags, signal } = cast;
  const begunAt = performance.now();
  const seconds = (): number => (performance.now() - begunAt) / 1_000;
  const evictions: Eviction[] = [];
  crowd.startAnew();
  probe.reset();
  const off = hub.on('evicted', ({ connection, code, reason }) => {
    const user = connection.userId ?? 'guest';
    if (!crowd.books.has(user)) return;
    evictions.push({ user, code, reason, after: seconds() });
    crowd.order('wake', user);
    waiting.changed();
  });
  try {
    const published = await play(hub.thread(threads.conversation), lines, {
      play: number,
      speed: flags.speed,
      signal,
      onSent: (sent) => {
        if (sent === STOP_AFTER) for (const { user } of crowd.of('stopped')) crowd.order('stop', user);
      },
      onBig: () =>
        void cast.ask(number).catch((error: unknown) => console.error('demo: the question was not sent:', error)),
    });
    const head = published.at(-1)?.offset ?? 0;
    await waiting.until(() => isOver(crowd, evictions, head), FINISH_MS, signal);
    return { play: number, published, evictions, longestBlock: probe.longestBlock, seconds: seconds() };
  } finally {
    off();
  }
}

/** Everybody has the last message, and those who stopped have been evicted for it. */
function isOver(crowd: Crowd, evictions: readonly Eviction[], head: number): boolean {
  const isEvicted = ({ user }: Books): boolean => evictions.some((eviction) => eviction.user === user);
  return crowd.of('stopped').every(isEvicted) && [...crowd.books.values()].every((books) => hasReached(books, head));
}

function hasReached({ received }: Books, offset: number): boolean {
  return (received.at(-1)?.offset ?? 0) >= offset;
}
