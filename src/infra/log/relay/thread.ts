import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, LogReset, LogSubscription } from '../../../api/log.ts';
import { LogUnavailableError, UnknownMessageError } from '../../errors.ts';
import { releaseDraft } from '../entry.ts';
import { AppendAnswers } from '../shared/append-answers.ts';
import { encodeHeader, type Arrival } from '../shared/arrival.ts';
import type { MemoryLimit } from '../shared/memory-limit.ts';
import { PendingAppend, type AppendProgress } from '../shared/pending-appends.ts';
import { SharedTail } from '../shared/tail.ts';
import type { TailHost, TailSettings } from '../shared/tail-host.ts';
import { TailReaders, type TailReader } from '../tail-readers.ts';
import { countIn, textIn, type RelayFrame } from './frames.ts';
import { RelayRefusal, type RelaySession } from './session.ts';
import { RelaySource } from './source.ts';

/** A subscriber of the log. */
export interface ThreadReader extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onNodeMessage: (message: string) => void;
  readonly onReset: (reset: LogReset) => void;
}

/** What all threads of a log share. */
export interface ThreadServices {
  readonly session: RelaySession;
  readonly settings: TailSettings;
  readonly memory: MemoryLimit;
  /** The last reader has left. */
  readonly onUnread: (threadId: string) => void;
  /** The thread has no reader, and no append is in flight. */
  readonly onUnused: (thread: RelayThread) => void;
}

/** One thread in this process: its appends in flight and, while it has a reader, its tail. */
export class RelayThread implements TailHost {
  readonly threadId: string;
  readonly settings: TailSettings;
  readonly source: RelaySource;
  readonly #services: ThreadServices;
  readonly #answers: AppendAnswers;
  readonly #readers = new TailReaders<ThreadReader>((offset) => this.#tail?.buffer.hold(offset));
  readonly #inFlight = new Map<string, PendingAppend>();
  readonly #progress: AppendProgress = { at: -Infinity };
  #tail: SharedTail | undefined;
  /** The relay reports the thread's news on this connection. */
  #heard: Promise<unknown> | undefined;

  /** The relay has told that the thread was erased: the tail has yet to find it. */
  #isDeleted = false;

  constructor(threadId: string, services: ThreadServices) {
    const { session, settings } = services;
    this.threadId = threadId;
    this.settings = settings;
    this.source = new RelaySource(threadId, session);
    this.#services = services;
    this.#answers = new AppendAnswers(settings, () => this.#tail);
  }

  get tail(): SharedTail | undefined {
    return this.#tail;
  }

  get isClosed(): boolean {
    return this.#services.session.isClosed;
  }

  append(draft: EntryDraft, track: (own: PendingAppend) => void): Promise<Appended> {
    const { id } = draft;
    const twin = this.#inFlight.get(id);
    if (twin !== undefined) {
      releaseDraft(draft);
      return twin.promise.then(({ entry }) => ({ entry, isDuplicate: true }));
    }
    const own = new PendingAppend(draft, this.settings.clock.now(), this.#progress);
    this.#inFlight.set(id, own);
    const forget = (): void => {
      this.#inFlight.delete(id);
      this.#onIdle();
    };
    own.promise.then(forget, forget);
    track(own);
    this.#send(own);
    return own.promise;
  }

  /** There is a new connection: what has no answer is sent again, in order. */
  reconnected(): void {
    this.#heard = undefined;
    for (const own of this.#inFlight.values()) this.#send(own);
    void this.#tail?.catchUp();
  }

  disconnected(): void {
    this.#heard = undefined;
  }

  arrived(arrival: Arrival): void {
    this.#tail?.place(arrival);
  }

  /** The log does not go on where it was. */
  moved(isDeleted: boolean): void {
    this.#isDeleted ||= isDeleted;
    void this.#tail?.catchUp();
  }

  noted(message: string): void {
    for (const { onNodeMessage } of this.#readers) onNodeMessage(message);
  }

  /** @returns the tail, once it has the log's position */
  async read(reader: ThreadReader): Promise<SharedTail> {
    this.#readers.add(reader);
    const tail = (this.#tail ??= new SharedTail(this));
    await tail.ready();
    if (tail.isEnded) throw new LogUnavailableError({ threadId: this.threadId, reason: 'log has been closed' });
    return tail;
  }

  /** @param withinDeadline gives up work that takes too long */
  subscription(
    reader: ThreadReader,
    tail: SharedTail,
    withinDeadline: (work: Promise<void>) => Promise<void>,
  ): LogSubscription {
    return {
      tail: tail.buffer,
      reach: (from) => {
        const reached = tail.reach(from);
        return reached && withinDeadline(reached);
      },
      hold: (offset) => this.#readers.hold(reader, offset),
      unsubscribe: () => this.leave(reader),
    };
  }

  leave(reader: ThreadReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    const tail = this.#tail;
    this.#tail = undefined;
    tail?.end();
    if (this.#heard !== undefined) this.#services.session.tell({ t: 'unsub', th: this.threadId });
    this.#heard = undefined;
    this.#services.onUnread(this.threadId);
    this.#onIdle();
  }

  /** The log is closed. */
  end(): void {
    for (const reader of this.#readers) this.leave(reader);
  }

  unload(): number {
    return this.#tail?.unload() ?? 0;
  }

  trim(): boolean {
    return this.#tail?.buffer.trim(this.settings.clock.now()) ?? true;
  }

  // --- TailHost

  async subscribed(): Promise<void> {
    const { session } = this.#services;
    await session.whenUp();
    this.#heard ??= session.call({ t: 'sub', th: this.threadId });
    try {
      await this.#heard;
    } catch (error) {
      this.#heard = undefined;
      throw error;
    }
  }

  ownAppend(id: string): PendingAppend | undefined {
    return this.#inFlight.get(id);
  }

  onEntry(entry: Entry): void {
    for (const { onEntry } of this.#readers) onEntry(entry);
  }

  onReset({ why, after }: LogReset): void {
    const isDeleted = this.#isDeleted && why === 'epoch';
    if (isDeleted) this.#isDeleted = false;
    for (const { onReset } of this.#readers) onReset({ why: isDeleted ? 'deleted' : why, after });
  }

  makeRoom(): Promise<boolean> {
    return this.#services.memory.makeRoom();
  }

  /** The relay's connection is lossless: what is late has waited elsewhere. */
  onSilence(): void {}

  #send(own: PendingAppend): void {
    if (own.isSettled) return;
    const { draft } = own;
    own.attempts++;
    const { clock, nodeId } = this.settings;
    const head = { t: 'append', th: this.threadId, id: draft.id, h: encodeHeader(draft, nodeId, clock.now()) };
    this.#services.session.call(head, draft.body.chunks).then(
      (answer) => this.#answered(own, answer),
      (error: unknown) => {
        // without a connection it is sent again
        if (error instanceof RelayRefusal) this.#refused(own, error);
      },
    );
  }

  #answered(own: PendingAppend, { head }: RelayFrame): void {
    this.#progress.at = this.settings.clock.now();
    if (own.isSettled) return;
    const { e, o, at, dup } = head;
    if (dup === true) this.#answers.known(own, { epoch: textIn(e), offset: countIn(o) });
    else this.#answers.appended(own, { epoch: textIn(e), offset: countIn(o), at: Number(at) });
  }

  #refused(own: PendingAppend, { why }: RelayRefusal): void {
    const { target = '' } = own.draft;
    const { threadId } = this;
    own.fail(
      why === 'TC_UNKNOWN_MESSAGE'
        ? new UnknownMessageError({ threadId, messageId: target })
        : new LogUnavailableError({ threadId, reason: why }),
    );
  }

  #onIdle(): void {
    if (this.#tail === undefined && this.#inFlight.size === 0) this.#services.onUnused(this);
  }
}
