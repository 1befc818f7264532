import { InspectorRefusal } from './refusal.ts';
import type { ViewQuery } from './survey.ts';
import type { Connection } from '../api/connection.ts';

/** A page that has not asked for this long is no longer a viewer. It exceeds the time of a reload, so a page's history survives that. */
const LEASE_MS = 10_000;

/** Maximum looks of one page: two a second, more while it scrolls; above this it has to wait. */
const LOOKS_PER_SECOND = 20;

/** One open page. */
export class Viewer {
  query: ViewQuery | undefined;
  /** The connection whose details it shows, even if that has ended meanwhile. */
  selected: Connection | undefined;
  isLooking = false;
  #seenAt: number;
  #budget = LOOKS_PER_SECOND;

  constructor(now: number) {
    this.#seenAt = now;
  }

  isGone(now: number): boolean {
    return !this.isLooking && now - this.#seenAt >= LEASE_MS;
  }

  /** False if it asks too often. */
  spend(now: number): boolean {
    const earned = ((now - this.#seenAt) / 1_000) * LOOKS_PER_SECOND;
    this.#budget = Math.min(LOOKS_PER_SECOND, this.#budget + earned);
    this.#seenAt = now;
    if (this.#budget < 1) return false;
    this.#budget--;
    return true;
  }
}

/** The pages that watch. A page joins with its first request and is dropped when it stops asking. */
export class Viewers {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #byId = new Map<string, Viewer>();

  constructor(limit: number, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The queries of all pages. */
  get queries(): readonly ViewQuery[] {
    return [...this.#byId.values()].flatMap(({ query }) => query ?? []);
  }

  /** @throws InspectorRefusal 503 if too many pages watch, 429 if this one asks too often */
  admit(id: string): Viewer {
    const now = this.#now();
    let viewer = this.#byId.get(id);
    if (viewer === undefined) {
      this.forgetGone();
      if (this.#byId.size >= this.#limit) {
        throw new InspectorRefusal(503, 'TOO_MANY_VIEWERS', `${this.#limit} pages watch already`, LEASE_MS / 1_000);
      }
      this.#byId.set(id, (viewer = new Viewer(now)));
    }
    if (!viewer.spend(now) || viewer.isLooking) throw new InspectorRefusal(429, 'TOO_OFTEN', 'too many looks', 1);
    return viewer;
  }

  forgetGone(): void {
    const now = this.#now();
    for (const [id, viewer] of this.#byId) if (viewer.isGone(now)) this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }
}
