import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { ANNOUNCE } from './scripts.ts';

/** How often a node reports that it is alive, how long that is valid, and how long the others trust what they have read. */
const BEAT_MS = 5_000;
const LIFE_MS = 15_000;
const BELIEVED_MS = 1_000;

/**
 * How many connections each node has in which thread: a hash for each thread, written when a number changes. A node that stops reporting is
 * not counted, so a crash needs no cleanup.
 */
export class Presence {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #counts = new Map<string, { readonly count: number; readonly writtenAt: number }>();
  readonly #lives = new Map<string, { readonly isAlive: Promise<boolean>; readonly until: number }>();
  #nextBeatAt = 0;

  constructor(session: RedisSession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (this.#session.connection === undefined || now < this.#nextBeatAt) return;
    this.#nextBeatAt = now + BEAT_MS;
    const key = this.#settings.keys.node(this.#settings.nodeId);
    this.#do(key, ['SET', key, '1', 'PX', String(LIFE_MS)]);
  }

  /** New connections, possibly to a Redis that has forgotten this node. */
  reconnected(): void {
    this.#nextBeatAt = 0;
    this.tick();
  }

  /** One command for all threads: a node that is not alive is not counted. */
  farewell(): void {
    const key = this.#settings.keys.node(this.#settings.nodeId);
    this.#do(key, ['DEL', key]);
  }

  announce(threadId: string, count: number): void {
    if (count === 0 && !this.#counts.has(threadId)) return;
    if (count === 0) this.#counts.delete(threadId);
    else this.#note(threadId, count);
    this.#write(threadId, count);
  }

  /** Writes the count again: Redis may have lost it. */
  renew(threadId: string): void {
    const known = this.#counts.get(threadId);
    if (known === undefined) return;
    this.#note(threadId, known.count);
    this.#write(threadId, known.count);
  }

  /** Writes the count again before it expires. */
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
    const { presence } = this.#settings.keys.thread(threadId);
    const counts = pairsOf(await this.#session.call(presence, ['HGETALL', presence]));
    let sum = 0;
    for (const [nodeId, count] of counts) {
      if (nodeId === this.#settings.nodeId) continue;
      if (await this.#isAlive(nodeId)) sum += count;
      else this.#do(presence, ['HDEL', presence, nodeId]);
    }
    return sum;
  }

  #write(threadId: string, count: number): void {
    const { presence } = this.#settings.keys.thread(threadId);
    const { nodeId, positionsMs } = this.#settings;
    if (count === 0) this.#do(presence, ['HDEL', presence, nodeId]);
    else if (this.#session.connection !== undefined)
      this.#session.run(ANNOUNCE, [presence], [nodeId, String(count), String(positionsMs)]).catch(() => {});
  }

  #isAlive(nodeId: string): Promise<boolean> {
    const now = this.#settings.clock.now();
    const known = this.#lives.get(nodeId);
    if (known !== undefined && now < known.until) return known.isAlive;
    const key = this.#settings.keys.node(nodeId);
    const isAlive = this.#session.call(key, ['EXISTS', key]).then((answer) => {
      // deletes the counts of a dead node, but not of one that has just come back
      if (answer !== 1) this.#lives.delete(nodeId);
      return answer === 1;
    });
    if (this.#lives.size > 1_000) this.#lives.clear();
    this.#lives.set(nodeId, { isAlive, until: now + BELIEVED_MS });
    return isAlive;
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
