import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, DeliveryLog, LogPage, LogReset, LogSubscription, Position, Staged } from '../../../api/log.ts';
import type { Transaction } from '../../../api/message.ts';
import { LogUnavailableError } from '../../errors.ts';
import { releaseDraft } from '../entry.ts';
import { randomEpoch } from '../ids.ts';
import { readAfter, readBefore } from '../pages.ts';
import { decodeHeader, epochAfterErasure, kept } from '../shared/arrival.ts';
import { Availability } from '../shared/availability.ts';
import { MemoryLimit } from '../shared/memory-limit.ts';
import { PendingAppends, type PendingAppend } from '../shared/pending-appends.ts';
import { RetryUntil } from '../shared/retry-until.ts';
import { TrimRound } from '../trim-round.ts';
import { PostgresAnswers } from './answers.ts';
import { AppendLane, type AppendAnswer } from './append-lane.ts';
import { isFinalAnswer, numberOf } from './driver.ts';
import { Forgotten } from './forgotten.ts';
import { Janitor } from './janitor.ts';
import { LogReader } from './log-reader.ts';
import { Notices } from './notices.ts';
import { resolvePostgresLog, type PostgresLogOptions, type PostgresLogSettings } from './options.ts';
import { Outbox } from './outbox.ts';
import { Polling } from './polling.ts';
import { PostgresPresence } from './presence.ts';
import { PostgresSession } from './session.ts';
import { PostgresThread, type ThreadReader, type ThreadServices } from './thread.ts';
import { PostgresValues } from './values.ts';
import { readAfterFromTable, readBeforeFromTable } from './unheld.ts';

/** Threads are spread over so many lanes of appends: commits of different lanes run side by side. */
const LANES = 3;

/**
 * A log in PostgreSQL (14 or newer), for hubs in many processes, whose history is as long as you keep it. `postgresSchema` has its tables.
 * See `docs/postgres.md` for what it promises and costs.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range
 */
export function postgresLog(options: PostgresLogOptions = {}): DeliveryLog {
  return new PostgresLog(resolvePostgresLog(options));
}

class PostgresLog implements DeliveryLog {
  readonly answers: PostgresAnswers;
  readonly presence: PostgresPresence;
  readonly values: PostgresValues;
  readonly #settings: PostgresLogSettings;
  readonly #session: PostgresSession;
  readonly #pending: PendingAppends;
  readonly #notices: Notices;
  readonly #outbox: Outbox;
  readonly #polling: Polling;
  readonly #janitor: Janitor;
  readonly #forgotten: Forgotten;
  readonly #retryUntil: RetryUntil;
  readonly #availability: Availability;
  readonly #memory: MemoryLimit;
  readonly #services: ThreadServices;
  readonly #lanes: readonly AppendLane[];
  readonly #threads = new Map<string, PostgresThread>();
  readonly #trims = new TrimRound(this.#threads, (thread) => thread.trim());
  #isClosing = false;

  constructor(settings: PostgresLogSettings) {
    this.#settings = settings;
    this.#availability = new Availability(settings.clock, () => this.#session.lastError);
    this.#pending = new PendingAppends(settings, undefined, () => this.#session.lastError);
    this.#session = new PostgresSession(settings, {
      onUp: () => {
        this.presence.reconnected();
        this.values.reconnected();
        this.#polling.reconnected();
        this.#availability.found();
      },
      onDown: () => this.#availability.lost(),
      onRefused: (error) => this.#availability.refused(error),
      onNotice: (payload) => this.#notices.received(payload),
      onTick: () => {
        this.#pending.expire();
        if (!this.#session.isUp) return;
        this.presence.nodes.tick();
        this.values.tick();
        this.#polling.tick();
        this.#janitor.tick();
        this.#forgotten.tick();
        this.#outbox.tick();
      },
    });
    this.#retryUntil = new RetryUntil(this.#session, settings, isFinalAnswer);
    this.presence = new PostgresPresence(this.#session, settings, this.#retryUntil);
    this.answers = new PostgresAnswers(this.#session, settings, this.presence.nodes, this.#retryUntil);
    this.values = new PostgresValues(this.#session, settings, this.presence.nodes, this.#retryUntil);
    this.#notices = new Notices(this.#session, settings.nodeId, {
      onArrival: (threadId, arrival) => this.#threads.get(threadId)?.arrived(arrival),
      onNodeMessage: (threadId, message) => this.#threads.get(threadId)?.noted(message),
      onErased: (threadId) => void this.#erased(threadId),
      onValue: (threadId, news) => this.values.heard(threadId, news),
      onOutbox: () => this.#outbox.take(),
    });
    this.#outbox = new Outbox(this.#session, settings, this.#retryUntil, {
      onTaken: (published) => {
        this.#notices.entries(published);
        for (const each of published) {
          const { threadId, epoch, offset, at, id, body } = each;
          const arrival = { epoch, offset, at, id, header: decodeHeader(each.header), body: body && [kept(body)] };
          this.#threads.get(threadId)?.arrived(arrival);
        }
      },
      onAnswer: (own, answer) => this.#thread(own.draft.threadId).answered(own, answer),
    });
    this.#polling = new Polling(this.#threads, this.#session, settings);
    this.#janitor = new Janitor(this.#session, settings);
    this.#forgotten = new Forgotten(this.#session, settings, (threadId) => this.#threads.has(threadId));
    this.#memory = new MemoryLimit(this.#threads, settings.ledger, settings.maxTotalBytes);
    this.#lanes = Array.from(
      { length: Math.max(1, Math.min(LANES, settings.poolSize - 1)) },
      () => new AppendLane(this.#session, settings, (batch) => this.#answered(batch)),
    );
    this.#services = {
      session: this.#session,
      settings,
      memory: this.#memory,
      send: (own) => this.#laneOf(own.draft.threadId)?.add(own),
      onUnread: (threadId) => this.presence.announce(threadId, 0),
      onUnused: (thread) => {
        if (this.#threads.get(thread.threadId) === thread) this.#threads.delete(thread.threadId);
      },
    };
    this.#availability.lost();
  }

  get heldBytes(): number {
    return this.#settings.ledger.bytes;
  }

  append(draft: EntryDraft): Promise<Appended> {
    const { threadId } = draft;
    const refusal = this.#isClosing ? 'log has been closed' : this.#pending.refusal(draft);
    if (refusal === undefined) return this.#thread(threadId).append(draft, (own) => this.#pending.add(own));
    releaseDraft(draft);
    return Promise.reject(new LogUnavailableError({ threadId, reason: refusal }));
  }

  stage(draft: EntryDraft, transaction: Transaction): Promise<Staged> {
    return this.#outbox.stage(draft, transaction, (own) => this.#thread(draft.threadId).expect(own));
  }

  readAfter(threadId: string, offset: number, limit: number): Promise<readonly Entry[]> {
    const source = this.#source(threadId);
    const read = async (): Promise<readonly Entry[]> => {
      const tail = await this.#wholeTail(threadId, offset + 1);
      if (tail !== undefined) return readAfter(tail, offset, limit, this.#settings.clock.now());
      return readAfterFromTable(threadId, source, this.#settings, offset, limit);
    };
    return this.#retryUntil.withinDeadline(threadId, read, () => source.progressAt);
  }

  readBefore(threadId: string, before: number, limit: number, maxBytes: number): Promise<LogPage> {
    const source = this.#source(threadId);
    const read = async (): Promise<LogPage> => {
      const tail = await this.#wholeTail(threadId, 1, before - 1);
      if (tail !== undefined) return readBefore(tail, before, limit, maxBytes, this.#settings.clock.now());
      return readBeforeFromTable(threadId, source, this.#settings, before, limit, maxBytes);
    };
    return this.#retryUntil.withinDeadline(threadId, read, () => source.progressAt);
  }

  position(threadId: string): Promise<Position> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#source(threadId).position());
  }

  async subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNodeMessage: (message: string) => void = () => {},
    onReset: (reset: LogReset) => void = () => {},
  ): Promise<LogSubscription> {
    const thread = this.#thread(threadId);
    const reader: ThreadReader = { onEntry, onNodeMessage, onReset, heldAfter: Infinity };
    const progress = (): number => thread.source.progressAt;
    try {
      const tail = await this.#retryUntil.withinDeadline(threadId, () => thread.read(reader), progress);
      return thread.subscription(reader, tail, (work) => this.#retryUntil.begun(threadId, work, progress));
    } catch (error) {
      thread.leave(reader);
      throw error;
    }
  }

  notify(threadId: string, message: string): void {
    this.#notices.message(threadId, message);
  }

  announce(threadId: string, members: number): void {
    this.presence.announce(threadId, members);
  }

  membersElsewhere(threadId: string): Promise<number> {
    return this.presence.elsewhere(threadId);
  }

  watch(onChange: (error: Error | undefined) => void): void {
    this.#availability.watch(onChange);
  }

  sweep(isTimeUp: () => boolean = () => false): boolean {
    return this.#memory.keep(isTimeUp) && this.#trims.run(isTimeUp);
  }

  forget(threadId: string): void {
    this.#forgotten.add(threadId);
  }

  async erase(threadId: string): Promise<void> {
    const { schema, clock } = this.#settings;
    const epoch = epochAfterErasure(randomEpoch());
    const [row] = await this.#retryUntil.withinDeadline(threadId, () =>
      this.#session.query(`SELECT ${schema}.erase($1, $2) AS log`, [threadId, epoch]),
    );
    this.#notices.erased(threadId);
    let clearedAt = -Infinity;
    const clear = (): Promise<void> => this.#janitor.clear(numberOf(row?.log), () => (clearedAt = clock.now()));
    await this.#retryUntil.withinDeadline(threadId, clear, () => clearedAt);
    await this.#erased(threadId);
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#availability.close();
    this.#pending.failAll('log has been closed');
    this.#outbox.close('log has been closed');
    for (const thread of this.#threads.values()) thread.end();
    this.presence.nodes.farewell();
    await this.#session.close();
    this.#threads.clear();
    // statements in flight release their messages in this turn
    await new Promise((resolve) => void setImmediate(resolve));
  }

  async #erased(threadId: string): Promise<void> {
    this.values.missed(threadId);
    await this.#threads.get(threadId)?.tail?.catchUp();
  }

  #answered(batch: readonly (readonly [PendingAppend, AppendAnswer])[]): void {
    const published = batch.flatMap(([{ draft }, { epoch, offset, at, header }]) => {
      const { threadId, id, body } = draft;
      const isWhole = body.chunks.length > 0;
      return offset > 0
        ? [{ threadId, epoch, offset, at, id, header, body: isWhole ? Buffer.concat(body.chunks) : undefined }]
        : [];
    });
    this.#notices.entries(published);
    for (const [own, answer] of batch) this.#thread(own.draft.threadId).answered(own, answer);
  }

  /**
   * The tail, if it is all that the thread's history has, or holds everything from an offset on.
   * @param to beyond its head, what other processes have appended may still be on its way here
   */
  async #wholeTail(threadId: string, from: number, to = 0): Promise<LogSubscription['tail'] | undefined> {
    const { historyOf, retentionOf } = this.#settings;
    const tail = this.#threads.get(threadId)?.tail;
    if (tail === undefined) return undefined;
    await tail.ready();
    if (to > tail.buffer.head) await tail.reach(await this.#source(threadId).position());
    const isAll = historyOf(threadId).maxEntries <= retentionOf(threadId).maxEntries;
    if (isAll) await tail.reach({ epoch: tail.buffer.epoch, offset: Math.min(from, tail.buffer.head), id: '' });
    return !tail.isEnded && (isAll || tail.buffer.first <= from) ? tail.buffer : undefined;
  }

  #laneOf(threadId: string): AppendLane | undefined {
    let hash = 0;
    for (let i = 0; i < threadId.length; i++) hash = (Math.imul(hash, 31) + threadId.charCodeAt(i)) | 0;
    return this.#lanes[(hash >>> 0) % this.#lanes.length];
  }

  #thread(threadId: string): PostgresThread {
    let thread = this.#threads.get(threadId);
    if (thread === undefined) this.#threads.set(threadId, (thread = new PostgresThread(threadId, this.#services)));
    return thread;
  }

  #source(threadId: string): LogReader {
    return this.#threads.get(threadId)?.source ?? new LogReader(threadId, this.#session, this.#settings);
  }
}
