import type { Position } from '../../../api/log.ts';
import { decodeHeads } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { Presence } from './presence.ts';
import { HEADS } from './batch-scripts.ts';
import type { RedisValues } from './values.ts';

/** Each thread is compared with Redis once in this time, whatever its subscription reports. */
const ROUND_MS = 60_000;
/** Ticks in a round: each handles its share of the threads. */
const SHARES = 200;
/** Maximum threads of a tick. Without a cluster they share commands; with one, each needs its own, and a round takes longer. */
const MAX_AT_ONCE = 256;
const MAX_AT_ONCE_IN_CLUSTER = 10;
/** Maximum threads of a command, during which Redis does nothing else: some hundred microseconds. */
const MAX_TOGETHER = 64;

/** A thread that this process may hold. */
interface ComparedThread {
  readonly threadId: string;
  readonly tail: { isAt(position: Position): boolean; catchUp(isRoutine: boolean): Promise<void> } | undefined;
}

/** What it needs of the log. */
type Session = Pick<RedisSession, 'run'>;
type Settings = Pick<RedisLogSettings, 'clock' | 'keys' | 'redisNow' | 'limitsOf'>;
type Counts = Pick<Presence, 'renew' | 'renewOld'>;
type Values = Pick<RedisValues, 'isWatched' | 'check'>;

/**
 * Compares the threads that this process holds with Redis, one share after the other. This slow round also keeps the logs of quiet threads
 * alive.
 */
export class HealthChecks {
  readonly #threads: ReadonlyMap<string, ComparedThread>;
  readonly #session: Session;
  readonly #settings: Settings;
  readonly #presence: Counts;
  readonly #values: Values;
  /** Threads that are still to be compared in this round. */
  #compared: ComparedThread[] = [];
  #share = 0;
  #nextRoundAt = 0;

  constructor(
    threads: ReadonlyMap<string, ComparedThread>,
    session: Session,
    settings: Settings,
    presence: Counts,
    values: Values,
  ) {
    this.#threads = threads;
    this.#session = session;
    this.#settings = settings;
    this.#presence = presence;
    this.#values = values;
  }

  tick(connection: Pick<RedisConnection, 'publishCommand'>): void {
    this.#compareSome(this.#settings.clock.now(), connection);
  }

  #compareSome(now: number, { publishCommand }: Pick<RedisConnection, 'publishCommand'>): void {
    const isCluster = publishCommand === 'SPUBLISH';
    if (this.#compared.length === 0 && now >= this.#nextRoundAt) {
      this.#compared = [...this.#threads.values()];
      this.#nextRoundAt = now + ROUND_MS;
      const most = isCluster ? MAX_AT_ONCE_IN_CLUSTER : MAX_AT_ONCE;
      this.#share = Math.min(most, Math.ceil(this.#compared.length / SHARES));
    }
    if (this.#compared.length === 0) return;
    const some = this.#compared.splice(-this.#share);
    for (const { threadId } of some) {
      this.#presence.renewOld(threadId);
      if (this.#values.isWatched(threadId)) void this.#values.check(threadId);
    }
    const held = some.filter(({ tail }) => tail !== undefined);
    if (isCluster) for (const thread of held) void this.#compare([thread]);
    else void this.#compareInTurn(this.#byLimits(held));
  }

  /** Never rejects. One command after the other: four at once hold up what others ask Redis for by as many times a command's length. */
  async #compareInTurn(groups: readonly (readonly ComparedThread[])[]): Promise<void> {
    for (const group of groups) await this.#compare(group);
  }

  /** One command has one set of limits. */
  #byLimits(threads: readonly ComparedThread[]): readonly (readonly ComparedThread[])[] {
    const groups = new Map<readonly string[], ComparedThread[]>();
    for (const thread of threads) {
      const limits = this.#settings.limitsOf(thread.threadId);
      const group = groups.get(limits);
      if (group === undefined) groups.set(limits, [thread]);
      else group.push(thread);
    }
    return [...groups.values()].flatMap(inCommands);
  }

  /** Never rejects: threads that could not be compared follow in the next round. */
  async #compare(threads: readonly ComparedThread[]): Promise<void> {
    const { keys, redisNow, limitsOf } = this.#settings;
    const limits = limitsOf(threads[0]?.threadId ?? '');
    try {
      const logs = threads.map(({ threadId }) => keys.thread(threadId).log);
      const heads = decodeHeads(await this.#session.run(HEADS, logs, [redisNow(), ...limits]));
      for (const [i, { tail, threadId }] of threads.entries()) {
        const head = heads[i];
        if (head === undefined || tail === undefined || tail.isAt(head)) continue;
        // a Redis that has lost the log may have lost the member count as well
        this.#presence.renew(threadId);
        void tail.catchUp(true);
      }
    } catch {
      // the session reports the error
    }
  }
}

function inCommands(threads: readonly ComparedThread[]): readonly (readonly ComparedThread[])[] {
  const commands: (readonly ComparedThread[])[] = [];
  for (let from = 0; from < threads.length; from += MAX_TOGETHER)
    commands.push(threads.slice(from, from + MAX_TOGETHER));
  return commands;
}
