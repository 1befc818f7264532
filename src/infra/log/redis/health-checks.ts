import { RoundRobin } from '../../round-robin.ts';
import { decodeHeads, encodeProbe } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { Presence } from './presence.ts';
import { HEADS } from './scripts.ts';
import type { RedisThread } from './thread.ts';

/** Each thread is compared with Redis once in this time, whatever its subscription says. */
const ROUND_MS = 60_000;
/** Ticks in a round: each takes its share of the threads. */
const SHARES = 200;
/** Threads of a tick at most: of one command where there is no cluster, else of a command each, and then a round takes longer. */
const MAX_AT_ONCE = 256;
const MAX_AT_ONCE_IN_CLUSTER = 10;

interface Probe {
  readonly thread: RedisThread;
  readonly connection: RedisConnection;
  sentAt: number;
}

/**
 * Looks for subscriptions that have gone silent without an end of the connection: a probe through the channel of one thread after the
 * other, so that each shard has its turn, and a slow round of comparisons, which keeps the logs of the threads that are held alive.
 */
export class HealthChecks {
  readonly #threads: ReadonlyMap<string, RedisThread>;
  readonly #link: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #presence: Presence;
  /** Threads whose turn is still to come in this round. */
  #compared: RedisThread[] = [];
  #share = 0;
  #nextRoundAt = 0;
  readonly #probed: RoundRobin<RedisThread>;
  #probe: Probe | undefined;
  #nextProbeAt = 0;

  constructor(
    threads: ReadonlyMap<string, RedisThread>,
    link: RedisSession,
    settings: RedisLogSettings,
    presence: Presence,
  ) {
    this.#threads = threads;
    this.#probed = new RoundRobin(threads);
    this.#link = link;
    this.#settings = settings;
    this.#presence = presence;
  }

  /** @param isFair false when our own event loop was late: what has come may not have been read yet */
  tick(isFair: boolean): void {
    const { connection } = this.#link;
    if (connection === undefined) return;
    const now = this.#settings.clock.now();
    this.#compareSome(now, connection);
    this.#examineProbe(connection, now, isFair);
    if (this.#probe !== undefined || now < this.#nextProbeAt) return;
    this.#nextProbeAt = now + this.#settings.commandTimeoutMs / 2;
    const thread = this.#probed.cycle();
    if (thread !== undefined) this.#send(thread, connection, now);
  }

  /** A probe has come back through this thread's channel. */
  answered(thread: RedisThread): void {
    if (this.#probe?.thread === thread) this.#probe = undefined;
  }

  /** Something has come through this thread's channel, perhaps from before the probe: the line brings what it can. */
  heard(thread: RedisThread): void {
    const probe = this.#probe;
    if (probe === undefined) return;
    const shardOf = ({ threadId }: RedisThread): string =>
      probe.connection.shardOf(this.#settings.keys.thread(threadId).channel);
    if (probe.thread === thread || shardOf(probe.thread) === shardOf(thread)) probe.sentAt = this.#settings.clock.now();
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
    const { channel } = this.#settings.keys.thread(thread.threadId);
    const message = encodeProbe(this.#settings.nodeId);
    this.#link.call(channel, [connection.publishCommand, channel, message]).catch(() => {
      // it was not published, which is another trouble
      if (this.#probe === probe) this.#probe = undefined;
    });
  }

  #compareSome(now: number, { publishCommand }: RedisConnection): void {
    const isCluster = publishCommand === 'SPUBLISH';
    if (this.#compared.length === 0 && now >= this.#nextRoundAt) {
      this.#compared = [...this.#threads.values()];
      this.#nextRoundAt = now + ROUND_MS;
      const most = isCluster ? MAX_AT_ONCE_IN_CLUSTER : MAX_AT_ONCE;
      this.#share = Math.min(most, Math.ceil(this.#compared.length / SHARES));
    }
    if (this.#compared.length === 0) return;
    const some = this.#compared.splice(-this.#share);
    for (const { threadId } of some) this.#presence.renewOld(threadId);
    const held = some.filter(({ tail }) => tail !== undefined);
    for (const group of isCluster ? held.map((thread) => [thread]) : [held])
      if (group.length > 0) void this.#compare(group);
  }

  /** Never rejects: what could not be compared is in the next round. */
  async #compare(threads: readonly RedisThread[]): Promise<void> {
    const { keys, redisNow, limits } = this.#settings;
    try {
      const logs = threads.map(({ threadId }) => keys.thread(threadId).log);
      const heads = decodeHeads(await this.#link.run(HEADS, logs, [redisNow(), ...limits]));
      for (const [i, { tail, threadId }] of threads.entries()) {
        const head = heads[i];
        if (head === undefined || tail === undefined || tail.isAt(head)) continue;
        // a Redis that has lost the log may have lost this as well
        this.#presence.renew(threadId);
        void tail.catchUp(true);
      }
    } catch {
      // the link says what is wrong
    }
  }
}
