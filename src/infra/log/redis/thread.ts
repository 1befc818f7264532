import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, LogReset } from '../../../api/log.ts';
import { asError } from '../../errors.ts';
import { releaseDraft } from '../entry.ts';
import { TailReaders, type TailReader } from '../tail-readers.ts';
import { AppendAnswers } from '../shared/append-answers.ts';
import { AppendQueue } from './append-queue.ts';
import { decodeNews } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import { LogReader } from './log-reader.ts';
import type { MemoryLimit } from '../shared/memory-limit.ts';
import type { RedisLogSettings } from './options.ts';
import type { PendingAppend } from '../shared/pending-appends.ts';
import type { PositionKeeper } from './position-keeper.ts';
import type { Presence } from './presence.ts';
import { isOtherServer } from './servers.ts';
import type { RedisSession } from './session.ts';
import type { SubscriptionProbe } from './subscription-probe.ts';
import type { TailHost } from '../shared/tail-host.ts';
import { SharedTail } from '../shared/tail.ts';
import { ThreadChannel, type ChannelListener } from './thread-channel.ts';
import type { RedisValues } from './values.ts';

/** A subscriber of the log. */
export interface ThreadReader extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onNodeMessage: (message: string) => void;
  readonly onReset: (reset: LogReset) => void;
}

/** What all threads of a log share. */
export interface RedisThreadServices {
  readonly session: RedisSession;
  readonly settings: RedisLogSettings;
  readonly presence: Presence;
  readonly values: RedisValues;
  readonly positions: PositionKeeper;
  readonly memory: MemoryLimit;
  readonly probe: SubscriptionProbe;
  /** The thread has no reader, and no append is in flight. */
  readonly onUnused: (thread: RedisThread) => void;
}

/** A thread that is opened together with others. */
export interface Opening {
  readonly tail: SharedTail;
  readonly channel: ThreadChannel;
  readonly source: LogReader;
  /** See `LogSubscription`. */
  readonly subscription: { isAlone: boolean };
}

/** One thread in this process: its appends in flight and, while it has a reader, its tail. */
export class RedisThread implements TailHost, ChannelListener {
  readonly threadId: string;
  readonly settings: RedisLogSettings;
  readonly source: LogReader;
  readonly #services: RedisThreadServices;
  readonly #channel: ThreadChannel;
  /** Undefined before the first append of this process: most threads of a node are only read there. */
  #queue: AppendQueue | undefined;
  readonly #readers = new TailReaders<ThreadReader>((offset) => this.#tail?.buffer.hold(offset));
  #tail: SharedTail | undefined;
  #isForgotten = false;
  /** The run id of the server that the tail was compared with. */
  #server = '';

  constructor(threadId: string, services: RedisThreadServices) {
    const { session, settings } = services;
    this.threadId = threadId;
    this.settings = settings;
    this.source = new LogReader(threadId, session, settings);
    this.#services = services;
    this.#channel = new ThreadChannel(this.source.keys.channel, session, this);
  }

  get tail(): SharedTail | undefined {
    return this.#tail;
  }

  /** See `DeliveryLog.forget`. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  get isClosed(): boolean {
    return this.#services.session.isClosed;
  }

  /** The subscription of its channel is confirmed, and stays. */
  isSubscribedOn(connection: RedisConnection): boolean {
    return this.#channel.isSubscribedOn(connection);
  }

  append(draft: EntryDraft, track: (own: PendingAppend) => void): Promise<Appended> {
    const queue = (this.#queue ??= this.#newQueue());
    const twin = queue.inFlight(draft.id);
    if (twin !== undefined) {
      releaseDraft(draft);
      return twin.promise.then(({ entry, epoch }) => ({ entry, isDuplicate: true, epoch }));
    }
    const own = queue.add(draft);
    track(own);
    return own.promise;
  }

  /** @returns the tail, which may still be opened */
  add(reader: ThreadReader): SharedTail {
    this.#readers.add(reader);
    if (this.#tail !== undefined) return this.#tail;
    this.#server = this.#serverNow;
    return (this.#tail = new SharedTail(this));
  }

  /** Its tail, if that can be opened together with others. */
  beginOpening(subscription: Opening['subscription']): Opening | undefined {
    const tail = this.#tail;
    if (tail === undefined || !this.#channel.isAway || !tail.expectOpening()) return undefined;
    return { tail, channel: this.#channel, source: this.source, subscription };
  }

  /** Resolves when the tail has Redis's position. */
  async opened(tail: SharedTail): Promise<void> {
    await tail.ready();
    if (tail.isEnded) throw new Error('log has been closed');
  }

  /** The connections are others: the servers may be as well. */
  doubt(): void {
    this.#tail?.doubt();
  }

  /** The thread's server has told its run id, or has not. */
  meet(): void {
    const former = this.#server;
    this.#server = this.#serverNow;
    if (isOtherServer(former, this.#server)) this.#tail?.doubt(true);
    else this.#tail?.trust();
  }

  hold(reader: ThreadReader, offset: number): void {
    this.#readers.hold(reader, offset);
  }

  leave(reader: ThreadReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    const tail = this.#tail;
    this.#tail = undefined;
    tail?.end();
    this.#services.presence.announce(this.threadId, 0);
    this.#channel.leave();
  }

  forget(): void {
    this.#isForgotten = true;
    this.#onIdle();
  }

  /** The log is closed. */
  end(): void {
    for (const reader of this.#readers) this.leave(reader);
  }

  /** Releases memory, some at a time; returns how many entries it dropped. */
  unload(): number {
    return this.#tail?.unload() ?? 0;
  }

  /** Drops entries that are too old; false if more are left. */
  trim(): boolean {
    return this.#tail?.buffer.trim(this.settings.clock.now()) ?? true;
  }

  // --- TailHost

  subscribed(): Promise<void> {
    return this.#channel.subscribe();
  }

  ownAppend(id: string): PendingAppend | undefined {
    return this.#queue?.inFlight(id);
  }

  onEntry(entry: Entry): void {
    for (const { onEntry } of this.#readers) onEntry(entry);
  }

  onReset(reset: LogReset): void {
    for (const { onReset } of this.#readers) onReset(reset);
  }

  makeRoom(): Promise<boolean> {
    return this.#services.memory.makeRoom();
  }

  onSilence(): void {
    this.#services.session.giveUp(`the subscription of thread ${this.threadId} has been silent`);
  }

  // --- ChannelListener

  get isWanted(): boolean {
    return this.#tail !== undefined;
  }

  /** Called from a socket's event: a message that is not ours must not end the process. */
  onMessage(message: Buffer): void {
    try {
      this.#services.probe.heard(this.threadId);
      this.#take(message);
    } catch (error) {
      process.emitWarning(asError(error));
    }
  }

  onLost(): void {
    // the shard that has the thread now may be a replica that was promoted
    this.#tail?.doubt(true);
    this.#server = this.#serverNow;
    void this.#tail?.catchUp();
    this.#services.values.missed(this.threadId);
  }

  onLeft(): void {
    this.#onIdle();
  }

  get #serverNow(): string {
    return this.#services.session.servers?.of(this.source.keys.log) ?? '';
  }

  #newQueue(): AppendQueue {
    const { threadId, settings, source } = this;
    const { session, positions } = this.#services;
    return new AppendQueue(
      threadId,
      source,
      session,
      settings,
      new AppendAnswers(settings, () => this.#tail),
      (position) => positions.note(threadId, position),
      () => this.#onIdle(),
    );
  }

  #onIdle(): void {
    const isUsed = this.#tail !== undefined || this.#channel.isLeaving || this.#queue?.isIdle === false;
    if (!isUsed) this.#services.onUnused(this);
  }

  #take(message: Buffer): void {
    if (this.#tail === undefined || this.#services.values.heard(this.threadId, message)) return;
    const news = decodeNews(message);
    if (news === undefined) return;
    if (news.kind === 'entry') {
      this.#tail.place(news.arrival);
      return;
    }
    if (news.kind === 'erased') {
      void this.#tail.catchUp();
      this.#services.values.missed(this.threadId);
      return;
    }
    const isOwn = news.by === this.settings.nodeId;
    if (news.kind === 'probe' && isOwn) this.#services.probe.answered(this.threadId);
    if (news.kind === 'note' && !isOwn) for (const { onNodeMessage } of this.#readers) onNodeMessage(news.message);
  }
}
