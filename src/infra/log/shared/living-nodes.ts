import type { Clock } from '../../../api/clock.ts';

/** How often a node reports that it is alive, and how long that is valid. A crash is known to all after the sum of both at the latest. */
const BEAT_MS = 3_000;
const LIFE_MS = 10_000;
/** How long the others trust what they have read. */
const BELIEVED_MS = 1_000;
/** How long the log knows a node that has stopped reporting: until then it may come back. */
const KNOWN_MS = 3_600_000;
/** What a node has left behind may be deleted when the log has not known it for this long: a new one may be about to report. */
const GONE_MS = 60_000;
const MAX_STRANGERS = 1_000;

/** The log's answer to a report. */
export interface BeatReply {
  readonly now: number;
  /** When this node reported before, on the log's clock; NaN if it was not known. */
  readonly before: number;
  /** When each node that the log knows reported last. */
  readonly beats: ReadonlyMap<string, number>;
}

/** Where the nodes report. */
export interface NodesLink {
  readonly isUp: boolean;
  /** Reports that this node is alive; forgets nodes that have been silent for longer than `knownMs`. */
  beat(knownMs: number): Promise<BeatReply>;
  /** This node ends. Does not wait. */
  leave(): void;
}

export interface Nodes {
  isAlive(nodeId: string): boolean;
  /** It has been gone for so long that it will not come back. */
  isGone(nodeId: string): boolean;
}

/**
 * The nodes that are alive: each writes the time into the log, and reads the times of all with the same command. If this node's own time has
 * lapsed as well, the log was out of reach or has lost its data. Then the nodes known last are taken to be alive for one more
 * life, in which they report again.
 */
export class LivingNodes {
  readonly #link: NodesLink;
  readonly #settings: { readonly clock: Clock };
  #alive: ReadonlySet<string> | undefined;
  /** Nodes that the log knows, dead ones included. */
  #beats: ReadonlyMap<string, number> = new Map();
  /** Nodes that have left something behind and that the log does not know, and since when. */
  readonly #strangers = new Map<string, number>();
  #kept: ReadonlySet<string> = new Set();
  #keptUntil = -Infinity;
  #reading: { readonly at: number; readonly nodes: Promise<Nodes> } | undefined;
  #nextBeatAt = 0;
  /** When the last report began that the log has answered. */
  #reportedAt = -Infinity;
  #isClosed = false;

  constructor(link: NodesLink, settings: { readonly clock: Clock }) {
    this.#link = link;
    this.#settings = settings;
  }

  tick(): void {
    if (this.#isClosed || !this.#link.isUp) return;
    if (this.#settings.clock.now() >= this.#nextBeatAt) this.#read().catch(() => {});
  }

  /** New connections, possibly to a log that has forgotten this node. */
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
    if (this.#link.isUp) this.#link.leave();
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
    const { clock } = this.#settings;
    const begunAt = clock.now();
    const { now, before, beats } = await this.#link.beat(KNOWN_MS);
    this.#reportedAt = begunAt;
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
