import { systemClock, Timer, type ClientClock } from '../client/clock.ts';
import { Feed } from './feed.ts';
import { keyOf, PRESENT, userOf, valuesOf, type ClientEnd } from './keys.ts';

/** Users above which `users` is not listed, and changes come once a second. */
const MOST_LISTED = 100;
const THROTTLE_MS = 1_000;

export interface PresenceOptions {
  /** How long a user who has gone is still listed: a reconnect in this time is no change. @default 5000 */
  graceMs?: number | undefined;
  /** @default the monotonic clock */
  clock?: ClientClock | undefined;
}

/** Who is in a thread, as a client sees it. */
export interface Presence<Data = unknown> {
  /** The users who are present, each with the newest data; undefined above 100 users. */
  readonly users: ReadonlyMap<string, Data> | undefined;
  /** How many they are; above 100 it changes at most once a second. */
  readonly count: number;
  /**
   * This client's user is present from now on, until `leave` or the end of the connection; after a reconnect again. Call it again with other
   * data. One entry a user: of several clients of a user, the newest data counts.
   * @throws what `values.set` throws
   */
  enter(userId: string, data?: Data): Promise<void>;
  leave(): Promise<void>;
  /** `users` or `count` has changed. Returns a function that removes the listener. */
  on(event: 'change', listener: (news: { readonly count: number }) => unknown): () => void;
  /** Stops its timers and listeners. */
  close(): void;
}

export class ClientPresence implements Presence {
  readonly #values;
  readonly #clock: ClientClock;
  readonly #graceMs: number;
  readonly #users = new Map<string, unknown>();
  /** Users who have gone, and are still listed. */
  readonly #leaving = new Map<string, Timer>();
  readonly #feed = new Feed<{ readonly count: number }>();
  readonly #throttle: Timer;
  readonly #stop: () => void;
  #own: { readonly userId: string; readonly data: unknown } | undefined;
  #count = 0;

  constructor(thread: ClientEnd, { graceMs = 5_000, clock = systemClock }: PresenceOptions) {
    this.#values = valuesOf(thread);
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#throttle = new Timer(clock);
    for (const [key, value] of this.#values.entries()) this.#take(key, value);
    this.#stop = this.#values.on('value', ({ key, value }) => this.#take(key, value));
  }

  get users(): ReadonlyMap<string, unknown> | undefined {
    return this.#users.size > MOST_LISTED ? undefined : this.#users;
  }

  get count(): number {
    return this.#count;
  }

  async enter(userId: string, data: unknown = null): Promise<void> {
    const key = keyOf(PRESENT, userId);
    this.#own = { userId, data };
    await this.#values.set(key, data, { owned: true });
  }

  async leave(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    if (own !== undefined) await this.#values.delete(PRESENT + own.userId);
  }

  on(event: 'change', listener: (news: { readonly count: number }) => unknown): () => void {
    return this.#feed.on(event, listener);
  }

  close(): void {
    this.#stop();
    this.#throttle.clear();
    for (const timer of this.#leaving.values()) timer.clear();
  }

  #take(key: string, data: unknown): void {
    const userId = userOf(PRESENT, key);
    if (userId === undefined) return;
    if (data === undefined) {
      this.#lose(userId);
      return;
    }
    this.#leaving.get(userId)?.clear();
    this.#leaving.delete(userId);
    const isSame = this.#users.has(userId) && JSON.stringify(this.#users.get(userId)) === JSON.stringify(data);
    this.#users.set(userId, data);
    if (!isSame) this.#changed();
  }

  #lose(userId: string): void {
    if (!this.#users.has(userId) || this.#leaving.has(userId)) return;
    // another client of this user has gone, but not this one
    if (this.#own?.userId === userId) this.enter(userId, this.#own.data).catch(() => {});
    const timer = new Timer(this.#clock);
    this.#leaving.set(userId, timer);
    timer.set(this.#graceMs, () => {
      this.#leaving.delete(userId);
      this.#users.delete(userId);
      this.#changed();
    });
  }

  #changed(): void {
    if (this.#users.size <= MOST_LISTED) {
      this.#throttle.clear();
      this.#tell();
    } else if (!this.#throttle.isSet) this.#throttle.set(THROTTLE_MS, () => this.#tell());
  }

  #tell(): void {
    this.#count = this.#users.size;
    this.#feed.emit('change', { count: this.#count });
  }
}
