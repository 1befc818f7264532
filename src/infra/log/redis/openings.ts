import type { TimerHandle } from '../../../api/clock.ts';
import { ANCHORS } from './batch-scripts.ts';
import { asArray, decodeAnchor, isAlone } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisLogSettings } from './options.ts';
import type { RedisSession } from './session.ts';
import type { Opening, RedisThread } from './thread.ts';

/** Maximum threads of one batch, which Redis opens in some hundred microseconds. */
const MOST_TOGETHER = 64;

interface Batch {
  readonly openings: Opening[];
  readonly done: PromiseWithResolvers<void>;
  /** Ends the wait for Redis when the time of the first one is up. */
  readonly timer: TimerHandle;
}

/**
 * Opens threads together: a client comes back to thousands of them. A batch is one command that subscribes, and one script that asks where the
 * threads stand. Threads that come while a batch is in progress wait for the next one, so batches grow with the load. Where a batch fails,
 * each of its threads goes on by itself.
 */
export class Openings {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  #next: Batch | undefined;
  /** Batches in progress. */
  #active = 0;

  constructor(session: RedisSession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  /**
   * Resolves when the thread is open, goes on by itself, or has waited for too long; never rejects. Undefined without connections, in a
   * cluster, and for a thread that is open or being opened.
   * @param subscription learns whether it is alone
   */
  add(thread: RedisThread, subscription: { isAlone: boolean }): Promise<void> | undefined {
    if (this.#session.connection?.subscribeAll === undefined) return undefined;
    const opening = thread.beginOpening(subscription);
    if (opening === undefined) return undefined;
    const batch = this.#next ?? this.#begin();
    batch.openings.push(opening);
    if (batch.openings.length === MOST_TOGETHER) this.#send(batch);
    return batch.done.promise;
  }

  #begin(): Batch {
    const { clock, appendTimeoutMs } = this.#settings;
    const done = Promise.withResolvers<void>();
    const batch = { openings: [], done, timer: clock.setTimeout(done.resolve, appendTimeoutMs) };
    this.#next = batch;
    if (this.#active === 0) queueMicrotask(() => this.#send(batch));
    return batch;
  }

  #send(batch: Batch): void {
    // it was full
    if (this.#next !== batch) return;
    this.#next = undefined;
    this.#active++;
    void this.#open(batch.openings).then(() => {
      this.#active--;
      this.#settings.clock.clearTimeout(batch.timer);
      batch.done.resolve();
      if (this.#active === 0 && this.#next !== undefined) this.#send(this.#next);
    });
  }

  /** Never rejects. */
  async #open(all: readonly Opening[]): Promise<void> {
    const openings = all.filter(({ tail }) => !tail.isEnded);
    try {
      const { connection } = this.#session;
      if (connection === undefined) throw this.#session.lastError;
      await this.#subscribe(openings, connection);
      await Promise.all(this.#alike(openings).map((some) => this.#place(some)));
    } catch {
      // each asks by itself, until it is answered or its time is up
    }
    for (const { tail } of all) tail.openAlone();
  }

  async #subscribe(openings: readonly Opening[], connection: RedisConnection): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // each channel has it as well
    promise.catch(() => {});
    const channels = openings.map(({ channel }) => channel.begin(connection, promise));
    try {
      await this.#session.subscribeAll(channels);
      for (const channel of channels) channel.settle(true);
      resolve();
    } catch (error) {
      for (const channel of channels) channel.settle(false);
      reject(error);
      throw error;
    }
  }

  /** Threads with the same retention, which a script has once: nearly always all of them. */
  #alike(openings: readonly Opening[]): (readonly Opening[])[] {
    return [...Map.groupBy(openings, ({ source }) => source.limits).values()];
  }

  async #place(openings: readonly Opening[]): Promise<void> {
    const { redisNow, newEpoch } = this.#settings;
    const [first] = openings;
    const keys = openings.flatMap(({ source }) => [source.keys.log, source.keys.position]);
    const each = openings.flatMap(() => [newEpoch(), '', '0']);
    const reply = await this.#session.run(ANCHORS, keys, [redisNow(), ...(first?.source.limits ?? []), ...each]);
    const anchors = asArray(reply);
    openings.forEach(({ tail, source, subscription }, i) => {
      const anchor = anchors[i];
      source.progressed();
      tail.opened(decodeAnchor(anchor));
      subscription.isAlone = isAlone(anchor);
    });
  }
}
