import type { LogPresence } from '../../../api/log-presence.ts';
import { asArray, asText } from './codec.ts';
import type { LivingNodes } from '../shared/living-nodes.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { ENLISTMENTS } from './batch-scripts.ts';
import { ENLIST } from './scripts.ts';

/** Members that one command writes, and roughly how many one reads. */
const AT_ONCE = 500;

/** Which members each node has in which thread: a set for each thread, of `node member`. */
export class Roster implements LogPresence {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #nodes: LivingNodes;
  readonly #retryUntil: RetryUntil;
  /** What this node has: written again when Redis may have lost it. */
  readonly #own = new Map<string, Set<string>>();

  constructor(session: RedisSession, settings: RedisLogSettings, nodes: LivingNodes, retryUntil: RetryUntil) {
    this.#session = session;
    this.#settings = settings;
    this.#nodes = nodes;
    this.#retryUntil = retryUntil;
  }

  add(threadId: string, member: string): void {
    const own = this.#own.get(threadId) ?? new Set();
    if (own.has(member)) return;
    this.#own.set(threadId, own.add(member));
    this.#write(threadId, [member]);
  }

  remove(threadId: string, member: string): void {
    const own = this.#own.get(threadId);
    if (own?.delete(member) !== true) return;
    if (own.size === 0) this.#own.delete(threadId);
    this.#drop(threadId, this.#settings.nodeId, [member]);
  }

  list(threadId: string): Promise<readonly string[]> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#read(threadId));
  }

  /** Writes what this node has in the thread again: Redis may have lost it. */
  renew(threadId: string): void {
    const own = [...(this.#own.get(threadId) ?? [])];
    for (let from = 0; from < own.length; from += AT_ONCE) this.#write(threadId, own.slice(from, from + AT_ONCE));
  }

  async #read(threadId: string): Promise<readonly string[]> {
    const byNode = await this.#entries(threadId);
    const nodes = await this.#nodes.among(byNode.keys());
    // what this node has is in its memory: Redis may not have heard of the newest
    const found = new Set(this.#own.get(threadId));
    for (const [nodeId, members] of byNode) {
      if (nodeId === this.#settings.nodeId) continue;
      if (nodes.isAlive(nodeId)) for (const member of members) found.add(member);
      else if (nodes.isGone(nodeId)) this.#drop(threadId, nodeId, members);
    }
    return [...found];
  }

  async #entries(threadId: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const key = this.#settings.keys.thread(threadId).members;
    const byNode = new Map<string, string[]>();
    let cursor = '0';
    do {
      const [next, page] = asArray(await this.#session.call(key, ['SSCAN', key, cursor, 'COUNT', String(AT_ONCE)]));
      cursor = asText(next);
      for (const entry of asArray(page).map(asText)) {
        const at = entry.indexOf(' ');
        const members = byNode.get(entry.slice(0, at));
        if (members === undefined) byNode.set(entry.slice(0, at), [entry.slice(at + 1)]);
        else members.push(entry.slice(at + 1));
      }
    } while (cursor !== '0');
    return byNode;
  }

  /** A write that fails is repeated with the next renewal. */
  #write(threadId: string, members: readonly string[]): void {
    if (this.#session.connection === undefined) return;
    const { nodeId, positionsMs, keys, cluster } = this.#settings;
    const entries = members.map((member) => `${nodeId} ${member}`);
    const [key, ms] = [keys.thread(threadId).members, String(positionsMs)];
    const written =
      cluster === undefined && entries.length === 1
        ? this.#session.together(ENLISTMENTS, [ms], [key], entries)
        : this.#session.run(ENLIST, [key], [ms, ...entries]);
    written.catch(() => {});
  }

  /** What is not removed goes with its node. */
  #drop(threadId: string, nodeId: string, members: readonly string[]): void {
    const key = this.#settings.keys.thread(threadId).members;
    for (let from = 0; from < members.length; from += AT_ONCE) {
      const entries = members.slice(from, from + AT_ONCE).map((member) => `${nodeId} ${member}`);
      if (this.#session.connection !== undefined) this.#session.call(key, ['SREM', key, ...entries]).catch(() => {});
    }
  }
}
