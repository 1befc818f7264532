import { RoundRobin } from '../../round-robin.ts';
import { encodeProbe } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisLogSettings } from './options.ts';
import type { RedisSession } from './session.ts';

/** A thread whose channel may be subscribed. */
interface Probed {
  readonly threadId: string;
  /** The subscription is confirmed, and stays. */
  isSubscribedOn(connection: RedisConnection): boolean;
}

interface Probe {
  readonly thread: Probed;
  readonly connection: RedisConnection;
  sentAt: number;
}

/**
 * Detects subscriptions that have gone silent although the connection is open. It sends a probe through the channel of one thread after the
 * other, so that each shard has its turn.
 */
export class SubscriptionProbe {
  readonly #threads: RoundRobin<Probed>;
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  #probe: Probe | undefined;
  #nextAt = 0;

  constructor(threads: ReadonlyMap<string, Probed>, session: RedisSession, settings: RedisLogSettings) {
    this.#threads = new RoundRobin(threads);
    this.#session = session;
    this.#settings = settings;
  }

  /** @param isFair false when our own event loop was late: received data may not have been read yet */
  tick(connection: RedisConnection, isFair: boolean): void {
    const now = this.#settings.clock.now();
    this.#examine(connection, now, isFair);
    if (this.#probe !== undefined || now < this.#nextAt) return;
    this.#nextAt = now + this.#settings.commandTimeoutMs / 2;
    const thread = this.#threads.cycle();
    if (thread?.isSubscribedOn(connection) === true) this.#send({ thread, connection, sentAt: now });
  }

  /** A probe has come back through this thread's channel. */
  answered(threadId: string): void {
    if (this.#probe?.thread.threadId === threadId) this.#probe = undefined;
  }

  /** Data has come through this thread's channel, possibly from before the probe: the line still delivers. */
  heard(threadId: string): void {
    const probe = this.#probe;
    if (probe === undefined) return;
    const shardOf = (id: string): string => probe.connection.shardOf(this.#settings.keys.thread(id).channel);
    const probed = probe.thread.threadId;
    if (probed === threadId || shardOf(probed) === shardOf(threadId)) probe.sentAt = this.#settings.clock.now();
  }

  #examine(connection: RedisConnection, now: number, isFair: boolean): void {
    if (this.#probe === undefined) return;
    const { thread, sentAt, connection: on } = this.#probe;
    const { commandTimeoutMs } = this.#settings;
    if (on !== connection || !thread.isSubscribedOn(connection)) this.#probe = undefined;
    else if (isFair && now - sentAt > commandTimeoutMs) {
      this.#probe = undefined;
      this.#session.giveUp(`the subscription of thread ${thread.threadId} has been silent for ${commandTimeoutMs} ms`);
    }
  }

  #send(probe: Probe): void {
    this.#probe = probe;
    const { channel } = this.#settings.keys.thread(probe.thread.threadId);
    const message = encodeProbe(this.#settings.nodeId);
    this.#session.call(channel, [probe.connection.publishCommand, channel, message]).catch(() => {
      // it was not published, which is another trouble
      if (this.#probe === probe) this.#probe = undefined;
    });
  }
}
