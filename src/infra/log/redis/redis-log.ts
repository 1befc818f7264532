import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, DeliveryLog, LogPage, LogReset, LogSubscription, Position } from '../../../api/log.ts';
import type { LogPresence } from '../../../api/log-presence.ts';
import { readAfter } from '../pages.ts';
import { releaseDraft } from '../entry.ts';
import { LogUnavailableError } from '../../errors.ts';
import { TrimRound } from '../trim-round.ts';
import { pause } from '../../time/pause.ts';
import { turnOf } from '../../time/turn-of.ts';
import { RedisAnswers } from './answers.ts';
import { PendingAppends } from '../shared/pending-appends.ts';
import { Availability } from '../shared/availability.ts';
import { connector, isFinalReply } from './connections.ts';
import { ERASED, encodeNodeMessage } from './codec.ts';
import { epochAfterErasure } from '../shared/arrival.ts';
import { LocalDeliveries } from './local-deliveries.ts';
import { RedisSession } from './session.ts';
import { MemoryLimit } from '../shared/memory-limit.ts';
import { RetryUntil } from '../shared/retry-until.ts';
import { Presence } from './presence.ts';
import { resolveRedisLog, type RedisLogOptions, type RedisLogSettings } from './options.ts';
import { PositionKeeper } from './position-keeper.ts';
import { verifyLayout } from './layout.ts';
import { EvictionWarning } from './eviction-warning.ts';
import { HealthChecks } from './health-checks.ts';
import { LogReader } from './log-reader.ts';
import { Openings } from './openings.ts';
import { reanchor } from './reanchor.ts';
import { SubscriptionProbe } from './subscription-probe.ts';
import { RedisThread, type RedisThreadServices } from './thread.ts';
import { ThreadSubscription } from './thread-subscription.ts';
import { RedisValues } from './values.ts';
import { readHeldBefore, readUnheld, readUnheldBefore } from './unheld-history.ts';

/** How long the last commands may take when the log is closed. */
const FAREWELL_MS = 300;
/** Commands in flight above which a node message is dropped. */
const MAX_IN_FLIGHT = 10_000;

/**
 * A log in Redis (7 or newer), for hubs in many processes: a message appended by one is delivered by all. See `docs/scaling.md` for what
 * happens when Redis is slow, restarted, restored or gone.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function redisLog(options: RedisLogOptions = {}): DeliveryLog {
  return new RedisLog(resolveRedisLog(options));
}

export class RedisLog implements DeliveryLog {
  readonly appendsUnread = true;
  readonly answers: RedisAnswers;
  readonly values: RedisValues;
  readonly #settings: RedisLogSettings;
  readonly #session: RedisSession;
  readonly #pending: PendingAppends;
  readonly #local: LocalDeliveries;
  readonly #presence: Presence;
  readonly #positions: PositionKeeper;
  readonly #retryUntil: RetryUntil;
  readonly #healthChecks: HealthChecks;
  readonly #probe: SubscriptionProbe;
  readonly #services: RedisThreadServices;
  readonly #openings: Openings;
  readonly #evictionWarning = new EvictionWarning();
  readonly #memory: MemoryLimit;
  readonly #threads = new Map<string, RedisThread>();
  readonly #trims = new TrimRound(this.#threads, (thread) => thread.trim());
  readonly #availability: Availability;
  /** Number of connection sets so far, and how often they were lost. */
  #lives = 0;
  #losses = 0;
  #isClosing = false;

  constructor(settings: RedisLogSettings, connect = connector(settings)) {
    this.#settings = settings;
    const { commandTimeoutMs, clock, random } = settings;
    this.#availability = new Availability(clock, () => this.#session.lastError);
    this.#local = new LocalDeliveries(settings);
    const local = settings.isDeliveredLocally ? this.#local : undefined;
    this.#pending = new PendingAppends(settings, local, () => this.#session.lastError);
    this.#session = new RedisSession(
      connect,
      {
        commandTimeoutMs,
        connectTimeoutMs: 2 * commandTimeoutMs,
        clock,
        random,
        verify: (connection) => verifyLayout(connection, settings.keys),
      },
      {
        onUp: () => {
          this.#presence.nodes.reconnected();
          this.values.reconnected();
          const { connection } = this.#session;
          if (connection !== undefined) void this.#evictionWarning.check(connection, settings.keys.layout);
          void this.#reanchor();
        },
        onDown: () => this.#down(),
        onRefused: (error) => this.#availability.refused(error),
        onTick: (isFair) => {
          this.#pending.expire();
          this.#presence.nodes.tick();
          this.#positions.tick();
          this.values.tick();
          const { connection } = this.#session;
          if (connection === undefined) return;
          this.#healthChecks.tick(connection);
          this.#probe.tick(connection, isFair);
        },
      },
    );
    this.#retryUntil = new RetryUntil(this.#session, settings, isFinalReply);
    this.#presence = new Presence(this.#session, settings, this.#retryUntil);
    const { nodes } = this.#presence;
    this.answers = new RedisAnswers(this.#session, settings, nodes, this.#retryUntil);
    this.values = new RedisValues(this.#session, settings, nodes, this.#retryUntil, this.#threads);
    this.#positions = new PositionKeeper(this.#session, settings);
    this.#openings = new Openings(this.#session, settings);
    this.#memory = new MemoryLimit(this.#threads, settings.ledger, settings.maxTotalBytes);
    this.#healthChecks = new HealthChecks(this.#threads, this.#session, settings, this.#presence, this.values);
    this.#probe = new SubscriptionProbe(this.#threads, this.#session, settings);
    this.#services = {
      session: this.#session,
      settings,
      presence: this.#presence,
      values: this.values,
      positions: this.#positions,
      memory: this.#memory,
      probe: this.#probe,
      onUnused: (thread) => this.#onUnused(thread),
    };
    this.#down();
  }

  get presence(): LogPresence {
    return this.#presence.roster;
  }

  get heldBytes(): number {
    return this.#settings.ledger.bytes;
  }

  append(draft: EntryDraft): Promise<Appended> {
    const { threadId } = draft;
    const refusal = this.#isClosing ? 'log has been closed' : this.#pending.refusal(draft);
    if (refusal === undefined) return this.#thread(threadId).append(draft, (own) => this.#pending.add(own));
    const isMessage = draft.kind === undefined || draft.kind === 'message';
    if (this.#settings.isDeliveredLocally && isMessage && !this.#isClosing)
      return Promise.resolve(this.#local.deliver(draft));
    releaseDraft(draft);
    return Promise.reject(new LogUnavailableError({ threadId, reason: refusal }));
  }

  async readAfter(threadId: string, offset: number, limit: number): Promise<readonly Entry[]> {
    const now = this.#settings.clock.now();
    const thread = this.#threads.get(threadId);
    const tail = thread?.tail;
    if (thread !== undefined && tail !== undefined) {
      const { epoch } = tail.buffer;
      // the tail of a thread that is being opened may have no position yet
      const from = { epoch, offset: Math.min(offset + 1, tail.buffer.head), id: '' };
      const reach = async (): Promise<void> => (epoch === '' ? tail.ready() : tail.reach(from));
      await this.#retryUntil.withinDeadline(threadId, reach, () => thread.source.progressAt);
      if (!tail.isEnded) return readAfter(tail.buffer, offset, limit, now);
    }
    const source = this.#source(threadId);
    const read = (): Promise<readonly Entry[]> => readUnheld(threadId, source, this.#settings, offset, limit);
    return this.#retryUntil.withinDeadline(threadId, read, () => source.progressAt);
  }

  async readBefore(threadId: string, before: number, limit: number, maxBytes: number): Promise<LogPage> {
    const source = this.#source(threadId);
    const read = async (): Promise<LogPage> => {
      const tail = this.#threads.get(threadId)?.tail;
      const page = tail && (await readHeldBefore(tail, source, this.#settings, before, limit, maxBytes));
      if (page !== undefined && tail?.isEnded === false) return page;
      return readUnheldBefore(threadId, source, this.#settings, before, limit, maxBytes);
    };
    return this.#retryUntil.withinDeadline(threadId, read, () => source.progressAt);
  }

  async position(threadId: string): Promise<Position> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#source(threadId).position());
  }

  subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNodeMessage: (message: string) => void = () => {},
    onReset: (reset: LogReset) => void = () => {},
  ): Promise<LogSubscription> {
    const thread = this.#thread(threadId);
    const subscription = new ThreadSubscription(thread, { onEntry, onNodeMessage, onReset }, this.#retryUntil);
    const together = this.#openings.add(thread, subscription);
    if (together === undefined) return subscription.opened();
    return together.then(() => (subscription.isOpen ? subscription : subscription.opened()));
  }

  notify(threadId: string, message: string): void {
    if (this.#session.inFlight > MAX_IN_FLIGHT) return;
    this.#session.publish(
      this.#settings.keys.thread(threadId).channel,
      encodeNodeMessage(this.#settings.nodeId, message),
    );
  }

  announce(threadId: string, members: number): void {
    this.#presence.announce(threadId, members);
  }

  membersElsewhere(threadId: string): Promise<number> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#presence.elsewhere(threadId));
  }

  watch(onChange: (error: Error | undefined) => void): void {
    this.#availability.watch(onChange);
  }

  sweep(isTimeUp = (): boolean => false): boolean {
    return this.#memory.keep(isTimeUp) && this.#trims.run(isTimeUp);
  }

  async erase(threadId: string): Promise<void> {
    const { log, position, channel, answers, values } = this.#settings.keys.thread(threadId);
    this.#positions.drop(threadId);
    const next = `${epochAfterErasure(this.#settings.newEpoch())} 0 `;
    await this.#retryUntil.withinDeadline(threadId, async () => {
      await this.#session.call(position, ['SET', position, next, 'PX', String(this.#settings.positionsMs)]);
      for (const key of [log, answers, values]) await this.#session.call(key, ['UNLINK', key]);
    });
    this.#session.publish(channel, ERASED);
    this.values.missed(threadId);
    await this.#threads.get(threadId)?.tail?.catchUp();
  }

  forget(threadId: string): void {
    if (!this.#threads.has(threadId)) this.#unlink(threadId);
    this.#threads.get(threadId)?.forget();
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#availability.close();
    this.#isClosing = true;
    this.#evictionWarning.close();
    this.#pending.failAll('log has been closed');
    this.#presence.nodes.farewell();
    for (const thread of this.#threads.values()) {
      thread.end();
      if (thread.isForgotten) this.#unlink(thread.threadId);
    }
    this.#positions.flush();
    // notify the other nodes that our members are gone, if that is quick
    await Promise.race([this.#session.whenIdle(), pause(this.#settings.clock, FAREWELL_MS)]);
    this.#session.close();
    this.#threads.clear();
    // commands in flight release their messages in this turn
    await turnOf(this.#settings.clock);
  }

  #onUnused(thread: RedisThread): void {
    if (this.#threads.get(thread.threadId) !== thread) return;
    this.#threads.delete(thread.threadId);
    if (thread.isForgotten) this.#unlink(thread.threadId);
  }

  /** If the command fails, the thread's data in Redis expires like that of other threads. */
  #unlink(threadId: string): void {
    const { log, position } = this.#settings.keys.thread(threadId);
    this.#positions.drop(threadId);
    // one key in each command: see the scripts
    for (const key of [log, position]) this.#session.call(key, ['UNLINK', key]).catch(() => {});
  }

  #thread(threadId: string): RedisThread {
    const thread = this.#threads.get(threadId) ?? new RedisThread(threadId, this.#services);
    this.#threads.set(threadId, thread);
    return thread;
  }

  #source(threadId: string): LogReader {
    return this.#threads.get(threadId)?.source ?? new LogReader(threadId, this.#session, this.#settings);
  }

  /** New connections: subscribes each held thread, and compares it with Redis. */
  async #reanchor(): Promise<void> {
    const life = ++this.#lives;
    const losses = this.#losses;
    const isLatest = (): boolean => life === this.#lives;
    await reanchor(this.#threads, this.#session, this.#presence, this.values, isLatest);
    if (isLatest() && losses === this.#losses) this.#availability.found();
  }

  #down(): void {
    this.#losses++;
    this.#availability.lost();
  }
}
