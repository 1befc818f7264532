import type { Fault } from './faults.ts';
import type { RedisFault } from './redis/fault-names.ts';
import type { Delays } from './sim-latency.ts';
import type { Temper } from './sim-workers.ts';

/** What happens in a thread, through a node or by a client. */
type InThread =
  | {
      readonly act: 'send';
      readonly node: number;
      readonly thread: number;
      readonly lane: 'normal' | 'critical' | 'volatile';
      readonly size: number;
      /** Bytes beyond the limit, 0 or 1: it has that size instead. */
      readonly beyond?: 0 | 1 | undefined;
      readonly times: number;
      /** How the application sends it; a recipe is built by a worker. */
      readonly as: 'json' | 'recipe' | 'bytes';
      /** The user who does not get it. */
      readonly except?: number | undefined;
    }
  /** One message in all threads. */
  | { readonly act: 'sendToAll'; readonly node: number; readonly size: number }
  | { readonly act: 'edit'; readonly node: number; readonly thread: number; readonly size: number }
  | { readonly act: 'remove'; readonly node: number; readonly thread: number }
  /** The application erases the thread. */
  | { readonly act: 'erase'; readonly node: number; readonly thread: number }
  | {
      readonly act: 'publish';
      readonly client: number;
      readonly thread: number;
      readonly size: number;
      readonly isBytes: boolean;
    }
  /** The client publishes its last message again, with the same id. */
  | { readonly act: 'repeat'; readonly client: number }
  | { readonly act: 'join' | 'leave' | 'older'; readonly client: number; readonly thread: number }
  | { readonly act: 'kick'; readonly client: number; readonly thread: number }
  | { readonly act: 'kickUser'; readonly node: number; readonly user: number; readonly thread: number }
  | { readonly act: 'closeUser'; readonly node: number; readonly user: number }
  | {
      readonly act: 'stream';
      readonly node: number;
      readonly thread: number;
      readonly chunks: number;
      readonly everyMs: number;
      readonly isChunks: boolean;
    }
  | {
      readonly act: 'setValue';
      readonly node: number;
      readonly thread: number;
      readonly key: number;
      readonly ttlMs: number | undefined;
    }
  | { readonly act: 'dropValue'; readonly node: number; readonly thread: number; readonly key: number }
  | {
      readonly act: 'clientValue';
      readonly client: number;
      readonly thread: number;
      readonly key: number;
      readonly ttlMs: number | undefined;
      readonly isOwned: boolean;
    };

/** What goes wrong. */
type Trouble =
  | { readonly act: 'cut' | 'silence' | 'stall' | 'resume' | 'crashClient'; readonly client: number }
  | { readonly act: 'take'; readonly client: number; readonly bytes: number }
  /** The line is cut when the client has been given so many more bytes: in the middle of a frame, most of the time. */
  | { readonly act: 'cutAfter'; readonly client: number; readonly bytes: number }
  /** A stream of chunks; after some of them the network fails for all clients, and it grows by so many meanwhile. */
  | {
      readonly act: 'burst';
      readonly node: number;
      readonly thread: number;
      readonly before: number;
      readonly everyMs: number;
      readonly chunks: number;
    }
  /** The way to the client, or from it, takes another time from now on. */
  | ({ readonly act: 'latency'; readonly client: number } & Delays)
  | { readonly act: 'crashNode'; readonly node: number; readonly isTold: boolean }
  | { readonly act: 'startNode' | 'freezeNode' | 'thawNode' | 'drain'; readonly node: number }
  /** Its event loop is held. */
  | { readonly act: 'holdNode'; readonly node: number; readonly ms: number }
  /** Each look at the clock takes so long, so that its work ends in the middle more often. */
  | { readonly act: 'slowNode'; readonly node: number; readonly costMs: number }
  /** Its time of day is set. */
  | { readonly act: 'jumpClock'; readonly node: number; readonly ms: number }
  /** Of a log over Redis. */
  | {
      readonly act: 'redis';
      readonly what: RedisFault;
      /** Whose connections, where only one process is concerned; undefined for all. */
      readonly node: number | undefined;
      readonly ms: number;
      /** How many steps before this one the copy is from that takes its place. */
      readonly back: number;
    }
  | { readonly act: 'loseLog' }
  /** The log has only what it had before its newest entries of each thread. */
  | { readonly act: 'restoreLog'; readonly lost: number };

export type Act = InThread | Trouble;

/** The acts of these names. */
export type ActOf<Name extends Act['act']> = Extract<Act, { readonly act: Name }>;

export interface Step {
  readonly act: Act;
  /** Until the next one. */
  readonly waitMs: number;
}

/** Always, where its WebSockets fail, or where one fails now and then. */
export type SseUse = 'always' | 'blocked' | 'at times';

/** A whole run, as data: the same one gives the same run, and a step can be left out. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: number;
  readonly clients: number;
  readonly threads: number;
  readonly maxEntries: number;
  /** That the log holds of a thread. */
  readonly maxBytes?: number | undefined;
  readonly highWaterMarkBytes?: number | undefined;
  /** Of a message; undefined for the default of 128 MiB. */
  readonly maxMessageBytes?: number | undefined;
  readonly faults: readonly Fault[];
  /** How the workers do, and zlib; undefined where none of them has anything to do. */
  readonly workers: Temper | undefined;
  readonly zlib: Temper | undefined;
  /** How long a session of a client is; undefined where it does not end. */
  readonly sessionMs?: number | undefined;
  /** By clients: how one uses Server-Sent Events; undefined for one that knows only WebSockets. @default none does */
  readonly sse?: readonly (SseUse | undefined)[] | undefined;
  /** The user who may not join the first thread. */
  readonly outsider?: number | undefined;
  /** The log is a real one, over a model of Redis. */
  readonly isRedis?: boolean;
  readonly steps: readonly Step[];
}

/** Clients are of so many users. */
export const USERS = 3;

export const userOf = (index: number): string => `user${index}`;
export const threadOf = (index: number): string => `thread${index}`;

/** Whether the user may join the thread. */
export function isAllowed({ outsider }: Schedule, userId: string, threadId: string): boolean {
  return outsider === undefined || userId !== userOf(outsider) || threadId !== threadOf(0);
}

/** Redis may not answer, or a node may not hear it in time. */
export const mayBeAway = ({ isRedis, faults }: Schedule): boolean => isRedis === true && faults.length > 0;

/** A step in words. */
export function tell({ act, waitMs }: Step): string {
  const { act: what, ...about } = act;
  const facts = Object.entries(about).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${String(value)}`],
  );
  return `${what} ${facts.join(', ')}${waitMs > 0 ? `; then ${waitMs} ms pass` : ''}`;
}
