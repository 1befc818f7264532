import { encodeProbe } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { Presence } from './presence.ts';
import type { RedisThread } from './thread.ts';

/** Each thread is compared with Redis once in this time, whatever its subscription says; with very many, as often as it goes. */
const ROUND_MS = 60_000;
/** Ticks in a round: each takes its share of the threads. */
const SHARES = 200;
const MAX_AT_ONCE = 40;

interface Probe {
  readonly thread: RedisThread;
  readonly connection: RedisConnection;
  readonly sentAt: number;
}

/**
 * Looks for subscriptions that have gone silent without an end of the connection: a probe through the channel of one thread after the
 * other, so that each shard has its turn, and a slow round of comparisons.
 */
export class HealthChecks {
  readonly #threads: ReadonlyMap<string, RedisThread>;
  readonly #link: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #presence: Presence;
  /** Threads whose turn is still to come in this round. */
  #compared: RedisThread[] = [];
  #nextRoundAt = 0;
  #probed: Iterator<RedisThread> | undefined;
  #probe: Probe | undefined;
  #nextProbeAt = 0;

  constructor(
    threads: ReadonlyMap<string, RedisThread>,
    link: RedisSession,
    settings: RedisLogSettings,
    presence: Presence,
  ) {
    this.#threads = threads;
    this.#link = link;
    this.#settings = settings;
    this.#presence = presence;
  }

  /** @param isFair false when our own event loop was late: what has come may not have been read yet */
  tick(isFair: boolean): void {
    const { connection } = this.#link;
    if (connection === undefined) return;
    const now = this.#settings.clock.now();
    this.#compareSome(now);
    this.#examineProbe(connection, now, isFair);
    if (this.#probe !== undefined || now < this.#nextProbeAt) return;
    this.#nextProbeAt = now + this.#settings.commandTimeoutMs / 2;
    const thread = this.#nextProbed();
    if (thread !== undefined) this.#send(thread, connection, now);
  }

  /** A probe has come back through this thread's channel. */
  answered(thread: RedisThread): void {
    if (this.#probe?.thread === thread) this.#probe = undefined;
  }

  #examineProbe(connection: RedisConnection, now: number, isFair: boolean): void {
    if (this.#probe === undefined) return;
    const { thread, sentAt, connection: on } = this.#probe;
    const { commandTimeoutMs } = this.#settings;
    if (on !== connection || !thread.isSubscribedOn(connection)) this.#probe = undefined;
    else if (isFair && now - sentAt > commandTimeoutMs) {
      this.#probe = undefined;
      this.#link.giveUp(`the subscription of thread ${thread.threadId} has been silent for ${commandTimeoutMs} ms`);
    }
  }

  #send(thread: RedisThread, connection: RedisConnection, sentAt: number): void {
    if (!thread.isSubscribedOn(connection)) return;
    const probe = { thread, connection, sentAt };
    this.#probe = probe;
    const { channel } = this.#settings.keys(thread.threadId);
    const message = encodeProbe(this.#settings.nodeId);
    this.#link.call(channel, [connection.publishCommand, channel, message]).catch(() => {
      // it was not published, which is another trouble
      if (this.#probe === probe) this.#probe = undefined;
    });
  }

  /** The next of the threads, from the first again after the last; a Map's iterator goes on with what came and went meanwhile. */
  #nextProbed(): RedisThread | undefined {
    const next = this.#probed?.next();
    if (next !== undefined && next.done !== true) return next.value;
    this.#probed = this.#threads.values();
    const first = this.#probed.next();
    return first.done === true ? undefined : first.value;
  }

  #compareSome(now: number): void {
    if (this.#compared.length === 0 && now >= this.#nextRoundAt) {
      this.#compared = [...this.#threads.values()];
      this.#nextRoundAt = now + ROUND_MS;
    }
    const share = Math.min(MAX_AT_ONCE, Math.ceil(this.#threads.size / SHARES));
    for (const { tail, threadId } of this.#compared.splice(0, share)) {
      void tail?.catchUp(true);
      this.#presence.renew(threadId);
    }
  }
}
