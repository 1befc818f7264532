import type { Appended, LogReset, LogSubscription } from '../delivery-log.ts';
import { asError } from '../../errors.ts';
import { Entry, releaseDraft, type EntryDraft } from '../entry.ts';
import type { Position } from '../ids.ts';
import { TailReaders, type TailReader } from '../tail-readers.ts';
import { AppendQueue, type AppendListener } from './append-queue.ts';
import type { PendingAppend } from './pending-appends.ts';
import { decodeNews, type Arrival } from './codec.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { LogReader } from './log-reader.ts';
import { RedisTail, type TailHost } from './tail.ts';

export interface Reader extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onNote: (note: string) => void;
  readonly onReset: (reset: LogReset) => void;
}

/** What a thread tells its log. */
export interface ThreadHost {
  /** Nobody reads it any more. */
  onUnread(thread: RedisThread): void;
  /** Nobody reads it, and nothing is appended. */
  onUnused(thread: RedisThread): void;
  /** A probe of this node has come back through its channel. */
  onProbe(thread: RedisThread): void;
  /** Something has come through its channel. */
  onHeard(thread: RedisThread): void;
  /** Other threads give memory back; false where there is no room all the same. */
  makeRoom(): Promise<boolean>;
  /** An append of this node is the newest entry now. */
  onPosition(thread: RedisThread, position: Position): void;
}

/** One thread as this process has it: its appends on their way and, while somebody reads it, its tail. */
export class RedisThread implements AppendListener, TailHost {
  readonly threadId: string;
  readonly settings: RedisLogSettings;
  readonly source: LogReader;
  readonly #link: RedisSession;
  readonly #channel: string;
  readonly #queue: AppendQueue;
  readonly #readers = new TailReaders<Reader>((offset) => this.#tail?.buffer.hold(offset));
  readonly #host: ThreadHost;
  #tail: RedisTail | undefined;
  #isForgotten = false;
  /** Where the channel is subscribed, or is about to be. */
  #subscribedOn: RedisConnection | undefined;
  #subscribing: Promise<void> = Promise.resolve();
  #isSubscribed = false;
  /** The subscription is being taken back, after which it may be made again: the two must not cross on their way. */
  #leaving: Promise<void> | undefined;

  constructor(threadId: string, link: RedisSession, settings: RedisLogSettings, host: ThreadHost) {
    this.threadId = threadId;
    this.settings = settings;
    this.source = new LogReader(threadId, link, settings);
    this.#link = link;
    this.#channel = settings.keys.thread(threadId).channel;
    this.#queue = new AppendQueue(threadId, this.source, link, settings, this);
    this.#host = host;
  }

  get tail(): RedisTail | undefined {
    return this.#tail;
  }

  get isUsed(): boolean {
    return this.#tail !== undefined || this.#leaving !== undefined || !this.#queue.isIdle;
  }

  /** Its channel is subscribed there for certain, and stays it. */
  isSubscribedOn(connection: RedisConnection): boolean {
    return this.#isSubscribed && this.#subscribedOn === connection && this.#leaving === undefined;
  }

  get isClosed(): boolean {
    return this.#link.isClosed;
  }

  append(draft: EntryDraft, track: (own: PendingAppend) => void): Promise<Appended> {
    const twin = this.#queue.underWay(draft.id);
    if (twin !== undefined) {
      releaseDraft(draft);
      return twin.promise.then(({ entry }) => ({ entry, isDuplicate: true }));
    }
    const own = this.#queue.add(draft);
    track(own);
    return own.promise;
  }

  /** @returns the tail, once it stands where Redis does */
  async read(reader: Reader): Promise<RedisTail> {
    this.#readers.add(reader);
    const tail = (this.#tail ??= new RedisTail(this));
    await tail.ready();
    if (tail.isEnded) throw new Error('log has been closed');
    return tail;
  }

  /** @param inTime gives up what takes too long */
  subscription(reader: Reader, tail: RedisTail, inTime: (work: Promise<void>) => Promise<void>): LogSubscription {
    return {
      tail: tail.buffer,
      reach: (from) => {
        const reached = tail.reach(from);
        return reached && inTime(reached);
      },
      hold: (offset) => this.#readers.hold(reader, offset),
      unsubscribe: () => this.leave(reader),
    };
  }

  leave(reader: Reader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    const tail = this.#tail;
    this.#tail = undefined;
    tail?.end();
    this.#host.onUnread(this);
    this.#leaving ??= this.#unsubscribe().finally(() => {
      this.#leaving = undefined;
      this.onIdle();
    });
  }

  /** See `DeliveryLog.forget`. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  forget(): void {
    this.#isForgotten = true;
    this.onIdle();
  }

  /** The log is closed. */
  end(): void {
    for (const reader of this.#readers) this.leave(reader);
  }

  // --- TailHost

  async subscribed(): Promise<void> {
    await this.#leaving;
    await this.#link.whenUp();
    // whoever waited may have given up
    if (this.#tail === undefined) return;
    const { connection } = this.#link;
    if (connection !== this.#subscribedOn) {
      this.#subscribedOn = connection;
      this.#isSubscribed = false;
      this.#subscribing = this.#link.subscribe(this.#channel, this.#onNews, this.#onLost);
      this.#subscribing.catch(() => {
        if (this.#subscribedOn === connection) this.#subscribedOn = undefined;
      });
    }
    await this.#subscribing;
    if (this.#subscribedOn === connection) this.#isSubscribed = true;
  }

  ownAppend(id: string): PendingAppend | undefined {
    return this.#queue.underWay(id);
  }

  onEntry(entry: Entry): void {
    for (const { onEntry } of this.#readers) onEntry(entry);
  }

  onReset(reset: LogReset): void {
    for (const { onReset } of this.#readers) onReset(reset);
  }

  makeRoom(): Promise<boolean> {
    return this.#host.makeRoom();
  }

  /** Gives memory back, some at a time; answers with how many entries it let go of. */
  unload(): number {
    return this.#tail?.unload() ?? 0;
  }

  /** Lets go of what is too old; false where there is more of it. */
  trim(): boolean {
    return this.#tail?.buffer.trim(this.settings.clock.now()) ?? true;
  }

  onSilence(): void {
    this.#link.giveUp(`the subscription of thread ${this.threadId} has been silent`);
  }

  // --- AppendListener

  onAppended(own: PendingAppend, { epoch, offset, at }: Position & { at: number }): void {
    const { id } = own.draft;
    const header = {
      by: this.settings.nodeId,
      isCritical: false,
      key: undefined,
      ms: undefined,
      traceparent: undefined,
      isMessage: true,
    };
    const arrival: Arrival = { epoch, offset, at, id, header, body: undefined };
    if (this.#tail === undefined) own.settle({ entry: this.#entryAt(own, offset), isDuplicate: false });
    else this.#tail.place(arrival, own);
  }

  onKnown(own: PendingAppend, { offset }: { offset: number }): void {
    const tail = this.#tail;
    const answer = (isDuplicate: boolean): void =>
      own.settle({ entry: tail?.buffer.at(offset) ?? this.#entryAt(own, offset), isDuplicate });
    // sent twice, and done the first time: its notice, or the stream, brings it
    if (own.attempts > 1 && tail !== undefined && offset > tail.buffer.head)
      tail
        .catchUp()
        .then(() => answer(false))
        .catch((error: unknown) => own.fail(asError(error)));
    else answer(true);
  }

  onPosition(position: Position): void {
    this.#host.onPosition(this, position);
  }

  onIdle(): void {
    if (!this.isUsed) this.#host.onUnused(this);
  }

  #entryAt({ draft }: PendingAppend, offset: number): Entry {
    return new Entry(draft, offset, this.settings.clock.now());
  }

  /** Never rejects. */
  async #unsubscribe(): Promise<void> {
    const connection = this.#subscribedOn;
    try {
      await this.#subscribing;
      // somebody reads it again, or there is nothing to take back
      if (this.#tail !== undefined || connection === undefined || connection !== this.#link.connection) return;
      this.#subscribedOn = undefined;
      await this.#link.unsubscribe(this.#channel);
    } catch {
      // it ends with its connection
    }
  }

  readonly #onLost = (): void => {
    this.#subscribedOn = undefined;
    void this.#tail?.catchUp();
  };

  /** Called from a socket's event: what is no message of ours must not end the process. */
  readonly #onNews = (message: Buffer): void => {
    try {
      this.#host.onHeard(this);
      this.#take(message);
    } catch (error) {
      process.emitWarning(asError(error));
    }
  };

  #take(message: Buffer): void {
    const news = decodeNews(message);
    if (news === undefined || this.#tail === undefined) return;
    if (news.kind === 'entry') {
      this.#tail.place(news.arrival);
      return;
    }
    const isOwn = news.by === this.settings.nodeId;
    if (news.kind === 'probe' && isOwn) this.#host.onProbe(this);
    if (news.kind === 'note' && !isOwn) for (const { onNote } of this.#readers) onNote(news.note);
  }
}
