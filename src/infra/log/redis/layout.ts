import { ErrorReply } from 'redis';
import { LogLayoutError } from '../../errors.ts';
import type { RedisConnection } from './connections.ts';

/**
 * The layout of this version's data in Redis. It changes only if two versions could not share a thread. Unknown fields of a log, header
 * fields, kinds of entries and kinds of notices are ignored, so most changes need no new layout.
 */
export const LAYOUT = '2';

/** A larger body is sent to Redis, and read from it, in pieces of this size: no command or answer of the log is much larger. */
export const PIECE_BYTES = 64 * 1024;

/** The names of a thread's keys in Redis; the braces keep them together on one shard. */
export interface ThreadKeys {
  /** The hash with all of its entries. */
  readonly log: string;
  /** The thread's position, which outlives its log. */
  readonly position: string;
  readonly channel: string;
  /** How many members each node has. */
  readonly counts: string;
  /** Which members each node has. */
  readonly members: string;
  readonly answers: string;
  readonly values: string;
}

/** The keys that all nodes of a prefix share in Redis. */
export interface LayoutKeys {
  thread(threadId: string): ThreadKeys;
  /** When each node last reported that it is alive. */
  readonly nodes: string;
  /** Holds the layout. */
  readonly layout: string;
  /** The prefix as it was given. */
  readonly prefix: string;
}

export function layoutKeys(prefix: string): LayoutKeys {
  const base = `${prefix}:v${LAYOUT}`;
  return {
    thread: (threadId) => new NamedKeys(`${base}:{${hashTag(threadId)}}`),
    nodes: `${base}:nodes`,
    layout: `${prefix}:layout`,
    prefix,
  };
}

/** Each name is made when it is used: a node holds a hundred thousand threads. */
class NamedKeys implements ThreadKeys {
  readonly #thread: string;

  constructor(thread: string) {
    this.#thread = thread;
  }

  get log(): string {
    return `${this.#thread}:log`;
  }

  get position(): string {
    return `${this.#thread}:position`;
  }

  get channel(): string {
    return `${this.#thread}:news`;
  }

  get counts(): string {
    return `${this.#thread}:nodes`;
  }

  get members(): string {
    return `${this.#thread}:members`;
  }

  get answers(): string {
    return `${this.#thread}:answers`;
  }

  get values(): string {
    return `${this.#thread}:values`;
  }
}

/** An id without braces, which would end the hash tag of a key; different ids stay different. */
const hashTag = (threadId: string): string => threadId.replace(/[%{}]/g, (each) => encodeURIComponent(each));

/** Pages of the one search through the keys of a Redis that has no layout yet: beyond 200,000 keys, the rest is assumed to be unused. */
const MAX_PAGES = 200;
const PAGE_KEYS = '1000';

/**
 * Makes sure that Redis has this version's layout, and writes it if there is none.
 * @throws LogLayoutError (`TC_LOG_LAYOUT`) if Redis has another layout
 */
export async function verifyLayout(connection: RedisConnection, keys: LayoutKeys): Promise<void> {
  const { layout, prefix } = keys;
  const reply = await connection.call(layout, ['GET', layout]);
  const found = Buffer.isBuffer(reply) ? reply.toString() : undefined;
  if (found === undefined) {
    // 0.1 has no key for its layout
    if (await hasFirstLayout(connection, prefix)) throw new LogLayoutError({ found: '1', expected: LAYOUT, prefix });
    try {
      await connection.call(layout, ['SET', layout, LAYOUT, 'NX']);
    } catch (error) {
      // a replica, or a full Redis: the next connections try again
      if (!(error instanceof ErrorReply)) throw error;
    }
  } else if (found !== LAYOUT) throw new LogLayoutError({ found, expected: LAYOUT, prefix });
}

async function hasFirstLayout(connection: RedisConnection, prefix: string): Promise<boolean> {
  const pattern = `${prefix.replaceAll(/[[\]*?\\^]/g, (each) => `\\${each}`)}:*`;
  const isOfFirst = (name: unknown): boolean => {
    const rest = String(name).slice(prefix.length);
    return /^:(\{[^{}]*\}:(meta|log|news|nodes)|node:[^:]*)$/.test(rest);
  };
  const channels = connection.publishCommand === 'PUBLISH' ? 'CHANNELS' : 'SHARDCHANNELS';
  for (const ask of connection.everyShard()) {
    // nodes of 0.1 are running
    if (listOf(await ask(['PUBSUB', channels, pattern])).some(isOfFirst)) return true;
    let cursor = '0';
    for (let page = 0; page < MAX_PAGES && (page === 0 || cursor !== '0'); page++) {
      const [next, names] = listOf(await ask(['SCAN', cursor, 'MATCH', pattern, 'COUNT', PAGE_KEYS]));
      if (listOf(names).some(isOfFirst)) return true;
      cursor = String(next);
    }
  }
  return false;
}

const listOf = (reply: unknown): readonly unknown[] => (Array.isArray(reply) ? reply : []);
