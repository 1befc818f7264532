import { redisBeats } from './beats.ts';
import { LivingNodes } from '../shared/living-nodes.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { Roster } from './roster.ts';
import { ANNOUNCEMENTS } from './batch-scripts.ts';
import { ANNOUNCE } from './scripts.ts';

/**
 * How many connections each node has in which thread: a hash for each thread, written when a number changes. A node that stops reporting is
 * not counted, so a crash needs no cleanup.
 */
export class Presence {
  readonly nodes: LivingNodes;
  readonly roster: Roster;
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #counts = new Map<string, { readonly count: number; readonly writtenAt: number }>();

  constructor(session: RedisSession, settings: RedisLogSettings, retryUntil: RetryUntil) {
    this.nodes = new LivingNodes(redisBeats(session, settings), settings);
    this.roster = new Roster(session, settings, this.nodes, retryUntil);
    this.#session = session;
    this.#settings = settings;
  }

  announce(threadId: string, count: number): void {
    if (count === 0 && !this.#counts.has(threadId)) return;
    if (count === 0) this.#counts.delete(threadId);
    else this.#note(threadId, count);
    this.#write(threadId, count);
  }

  /** Writes count and members again: Redis may have lost them. */
  renew(threadId: string): void {
    this.roster.renew(threadId);
    const known = this.#counts.get(threadId);
    if (known === undefined) return;
    this.#note(threadId, known.count);
    this.#write(threadId, known.count);
  }

  /** Writes them again before they expire. */
  renewOld(threadId: string): void {
    const known = this.#counts.get(threadId);
    if (known !== undefined && this.#settings.clock.now() - known.writtenAt > this.#settings.positionsMs / 4)
      this.renew(threadId);
  }

  #note(threadId: string, count: number): void {
    this.#counts.set(threadId, { count, writtenAt: this.#settings.clock.now() });
  }

  /** Connections that live nodes other than this one have in the thread. */
  async elsewhere(threadId: string): Promise<number> {
    const key = this.#settings.keys.thread(threadId).counts;
    const counts = pairsOf(await this.#session.call(key, ['HGETALL', key]));
    const nodes = await this.nodes.among(counts.map(([nodeId]) => nodeId));
    let sum = 0;
    for (const [nodeId, count] of counts) {
      if (nodeId === this.#settings.nodeId) continue;
      if (nodes.isAlive(nodeId)) sum += count;
      else if (nodes.isGone(nodeId)) this.#do(key, ['HDEL', key, nodeId]);
    }
    return sum;
  }

  #write(threadId: string, count: number): void {
    const key = this.#settings.keys.thread(threadId).counts;
    const { nodeId, positionsMs, cluster } = this.#settings;
    if (cluster === undefined) {
      if (this.#session.connection === undefined) return;
      this.#session
        .together(ANNOUNCEMENTS, [nodeId, String(positionsMs)], [key], [String(count)])
        // it is written again with the next renewal
        .catch(() => {});
    } else if (count === 0) this.#do(key, ['HDEL', key, nodeId]);
    else if (this.#session.connection !== undefined)
      this.#session.run(ANNOUNCE, [key], [nodeId, String(count), String(positionsMs)]).catch(() => {});
  }

  /** A write that fails is repeated with the next renewal. */
  #do(key: string, command: readonly string[]): void {
    if (this.#session.connection !== undefined) this.#session.call(key, command).catch(() => {});
  }
}

/** A reply of HGETALL: a list of names and values, or a map. */
function pairsOf(reply: unknown): [string, number][] {
  const entries =
    reply instanceof Map ? [...reply].flat() : Array.isArray(reply) ? reply : Object.entries(Object(reply)).flat();
  const pairs: [string, number][] = [];
  for (let i = 0; i + 1 < entries.length; i += 2) pairs.push([String(entries[i]), Number(entries[i + 1])]);
  return pairs;
}
