import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { decodeBeat } from './codec.ts';
import { BEAT } from './scripts.ts';

/** How often a node reports that it is alive, and how long that is valid. A crash is known to all after the sum of both at the latest. */
const BEAT_MS = 3_000;
const LIFE_MS = 10_000;
/** How long the others trust what they have read. */
const BELIEVED_MS = 1_000;
/** How long Redis knows a node that has stopped reporting: until then it may come back. */
const KNOWN_MS = 3_600_000;
/** What a node has left behind may be deleted when Redis has not known it for this long: a new one may be about to report. */
const GONE_MS = 60_000;
const MAX_STRANGERS = 1_000;

/** What it needs of the session. */
interface NodesSession extends Pick<RedisSession, 'run' | 'call'> {
  readonly connection: object | undefined;
}

export interface Nodes {
  isAlive(nodeId: string): boolean;
  /** It has been gone for so long that it will not come back. */
  isGone(nodeId: string): boolean;
}

/**
 * The nodes that are alive: one sorted set, into which each node writes the time, and which it reads with the same command. If this node's
 * own entry has lapsed as well, Redis was out of reach or has lost its data. Then the nodes known last are taken to be alive for one more
 * life, in which they report again.
 */
export class LivingNodes {
  readonly #session: NodesSession;
  readonly #settings: RedisLogSettings;
  #alive: ReadonlySet<string> | undefined;
  /** Nodes that Redis knows, dead ones included. */
  #beats: ReadonlyMap<string, number> = new Map();
  /** Nodes that have left something behind and that Redis does not know, and since when. */
  readonly #strangers = new Map<string, number>();
  #kept: ReadonlySet<string> = new Set();
  #keptUntil = -Infinity;
  #reading: { readonly at: number; readonly nodes: Promise<Nodes> } | undefined;
  #nextBeatAt = 0;
  /** When the last report began that Redis has answered. */
  #reportedAt = -Infinity;
  #isClosed = false;

  constructor(session: NodesSession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  tick(): void {
    if (this.#isClosed || this.#session.connection === undefined) return;
    if (this.#settings.clock.now() >= this.#nextBeatAt) this.#read().catch(() => {});
  }

  /** New connections, possibly to a Redis that has forgotten this node. */
  reconnected(): void {
    this.#nextBeatAt = 0;
    this.tick();
  }

  /** The others have heard of this node: what it claims from now on is not void. */
  async reported(): Promise<void> {
    if (this.#settings.clock.now() - this.#reportedAt > 2 * BEAT_MS) await this.#read();
  }

  /** Asked anew before the answer is yes: the node may have come back within the last second. */
  async isDead(id: string): Promise<boolean> {
    const isAlive = (await this.#current()).isAlive(id) || (await this.#read()).isAlive(id);
    return !isAlive;
  }

  /** Which of these are alive: not older than a second, and asked anew if one is not known. */
  async among(ids: Iterable<string>): Promise<Nodes> {
    const nodes = await this.#current();
    const unknown = [...ids].filter((id) => !this.#beats.has(id));
    if (unknown.every((id) => this.#strangers.has(id))) return nodes;
    const newer = await this.#read();
    if (this.#strangers.size > MAX_STRANGERS) this.#strangers.clear();
    const now = this.#settings.clock.now();
    for (const id of unknown) if (!this.#beats.has(id) && !this.#strangers.has(id)) this.#strangers.set(id, now);
    return newer;
  }

  /** One command for all that this node has reported: a node that is not alive does not count. */
  farewell(): void {
    this.#isClosed = true;
    const { nodes } = this.#settings.keys;
    if (this.#session.connection !== undefined)
      this.#session.call(nodes, ['ZREM', nodes, this.#settings.nodeId]).catch(() => {});
  }

  #current(): Promise<Nodes> {
    const reading = this.#reading;
    const isFresh = reading !== undefined && this.#settings.clock.now() - reading.at < BELIEVED_MS;
    return isFresh ? reading.nodes : this.#read();
  }

  #read(): Promise<Nodes> {
    // the next report would be this node's return
    if (this.#isClosed) return Promise.reject(new Error('log has been closed'));
    const now = this.#settings.clock.now();
    this.#nextBeatAt = now + BEAT_MS;
    const reading = { at: now, nodes: this.#beat() };
    this.#reading = reading;
    reading.nodes.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading.nodes;
  }

  async #beat(): Promise<Nodes> {
    const { keys, nodeId, redisNow, clock } = this.#settings;
    const begunAt = clock.now();
    const reply = await this.#session.run(BEAT, [keys.nodes], [redisNow(), nodeId, String(KNOWN_MS)]);
    this.#reportedAt = begunAt;
    const { now, before, beats } = decodeBeat(reply);
    if (this.#alive !== undefined && !(now - before <= LIFE_MS)) {
      this.#kept = this.#alive;
      this.#keptUntil = clock.now() + LIFE_MS;
    }
    const alive = new Set(clock.now() < this.#keptUntil ? this.#kept : []);
    for (const [id, at] of beats) if (now - at <= LIFE_MS) alive.add(id);
    this.#alive = alive;
    this.#beats = beats;
    for (const id of beats.keys()) this.#strangers.delete(id);
    return {
      isAlive: (id) => alive.has(id),
      isGone: (id) => !alive.has(id) && clock.now() - (this.#strangers.get(id) ?? Infinity) > GONE_MS,
    };
  }
}
