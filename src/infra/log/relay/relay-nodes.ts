import type { Clock } from '../../../api/clock.ts';
import type { DeliveryLog } from '../../../api/log.ts';
import { NodeValues } from './node-values.ts';

/** A node that says nothing for so long is dead: what it has in threads does not count. */
const LIFE_MS = 10_000;

/** A dead node may come back for so long. */
const KNOWN_MS = 600_000;

/** What one node has in threads. */
export interface RelayNode {
  readonly id: string;
  heardAt: number;
  readonly members: Map<string, Set<string>>;
  readonly counts: Map<string, number>;
  /** Requests that it works on: thread and key. */
  readonly claims: Map<string, { readonly threadId: string; readonly key: string }>;
  readonly values: NodeValues;
  isAlive: boolean;
}

/** The nodes behind a relay, also those that are away for a moment. */
export class RelayNodes {
  readonly #nodes = new Map<string, RelayNode>();
  readonly #log: DeliveryLog;
  readonly #clock: Clock;
  /** The node that works on a request, by thread and key. */
  readonly #claimants = new Map<string, RelayNode>();

  constructor(log: DeliveryLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The node has connected: it says anew who is in its threads. */
  register(id: string): RelayNode {
    const node: RelayNode = this.#nodes.get(id) ?? {
      id,
      heardAt: 0,
      members: new Map(),
      counts: new Map(),
      claims: new Map(),
      values: new NodeValues(this.#log, this.#clock),
      isAlive: true,
    };
    this.#nodes.set(id, node);
    this.heard(node);
    for (const [threadId, members] of node.members) for (const member of members) this.remove(node, threadId, member);
    for (const threadId of node.counts.keys()) this.count(node, threadId, 0);
    return node;
  }

  heard(node: RelayNode): void {
    node.heardAt = this.#clock.now();
  }

  /** It was only away. */
  #show(node: RelayNode): void {
    if (node.isAlive) return;
    node.isAlive = true;
    for (const [threadId, members] of node.members)
      for (const member of members) this.#log.presence?.add(threadId, member);
    for (const threadId of node.counts.keys()) this.#announce(threadId);
    void node.values.show();
  }

  /** The key has a value of this node's, or of no node's. */
  valued(threadId: string, key: string): void {
    for (const { values } of this.#nodes.values()) values.forget(threadId, key);
  }

  add(node: RelayNode, threadId: string, member: string): void {
    const members = node.members.get(threadId) ?? new Set();
    node.members.set(threadId, members.add(member));
    this.#log.presence?.add(threadId, member);
  }

  remove(node: RelayNode, threadId: string, member: string): void {
    const members = node.members.get(threadId);
    if (members?.delete(member) !== true) return;
    if (members.size === 0) node.members.delete(threadId);
    this.#unlist(threadId, member);
  }

  async list(threadId: string): Promise<readonly string[]> {
    const all = new Set<string>(await this.#log.presence?.list(threadId));
    for (const { members, isAlive } of this.#nodes.values())
      if (isAlive) for (const each of members.get(threadId) ?? []) all.add(each);
    return [...all];
  }

  count(node: RelayNode, threadId: string, members: number): void {
    if (members > 0) node.counts.set(threadId, members);
    else node.counts.delete(threadId);
    this.#announce(threadId);
  }

  async elsewhere(node: RelayNode, threadId: string): Promise<number> {
    const others = (await this.#log.membersElsewhere?.(threadId)) ?? 0;
    return others + this.#countOf(threadId) - (node.counts.get(threadId) ?? 0);
  }

  /** The node that works on the request, if it is another one. */
  isClaimedElsewhere(node: RelayNode, threadId: string, key: string): boolean {
    const claimant = this.#claimants.get(`${threadId} ${key}`);
    return claimant !== undefined && claimant !== node;
  }

  claimed(node: RelayNode, threadId: string, key: string): void {
    this.#claimants.set(`${threadId} ${key}`, node);
    node.claims.set(`${threadId} ${key}`, { threadId, key });
  }

  unclaimed(threadId: string, key: string): void {
    const name = `${threadId} ${key}`;
    this.#claimants.get(name)?.claims.delete(name);
    this.#claimants.delete(name);
  }

  /** Looks for nodes that have said nothing for too long. */
  async expire(): Promise<void> {
    const now = this.#clock.now();
    for (const node of this.#nodes.values()) {
      if (now - node.heardAt >= KNOWN_MS) await this.end(node);
      else if (now - node.heardAt >= LIFE_MS) await this.#hide(node);
      else this.#show(node);
    }
  }

  /** The node is gone for good. */
  async end(node: RelayNode): Promise<void> {
    if (this.#nodes.get(node.id) !== node) return;
    await this.#hide(node);
    this.#nodes.delete(node.id);
  }

  async #hide(node: RelayNode): Promise<void> {
    if (!node.isAlive) return;
    node.isAlive = false;
    for (const [threadId, members] of node.members) for (const member of members) this.#unlist(threadId, member);
    for (const threadId of node.counts.keys()) this.#announce(threadId);
    node.values.hide();
    for (const [name, { threadId, key }] of node.claims) {
      node.claims.delete(name);
      this.#claimants.delete(name);
      await this.#log.answers?.release(threadId, key);
    }
  }

  /** Unless another node has the member as well. */
  #unlist(threadId: string, member: string): void {
    for (const { members, isAlive } of this.#nodes.values())
      if (isAlive && members.get(threadId)?.has(member) === true) return;
    this.#log.presence?.remove(threadId, member);
  }

  #announce(threadId: string): void {
    this.#log.announce?.(threadId, this.#countOf(threadId));
  }

  #countOf(threadId: string): number {
    let sum = 0;
    for (const { counts, isAlive } of this.#nodes.values()) if (isAlive) sum += counts.get(threadId) ?? 0;
    return sum;
  }
}
