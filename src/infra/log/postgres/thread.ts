import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, LogReset, LogSubscription } from '../../../api/log.ts';
import { UnknownMessageError } from '../../errors.ts';
import { releaseDraft } from '../entry.ts';
import { AppendAnswers } from '../shared/append-answers.ts';
import type { Arrival } from '../shared/arrival.ts';
import type { MemoryLimit } from '../shared/memory-limit.ts';
import { PendingAppend, type AppendProgress } from '../shared/pending-appends.ts';
import { SharedTail } from '../shared/tail.ts';
import type { TailHost } from '../shared/tail-host.ts';
import { TailReaders, type TailReader } from '../tail-readers.ts';
import type { AppendAnswer } from './append-lane.ts';
import { LogReader } from './log-reader.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** A subscriber of the log. */
export interface ThreadReader extends TailReader {
  readonly onEntry: (entry: Entry) => void;
  readonly onNodeMessage: (message: string) => void;
  readonly onReset: (reset: LogReset) => void;
}

/** What all threads of a log share. */
export interface ThreadServices {
  readonly session: PostgresSession;
  readonly settings: PostgresLogSettings;
  readonly memory: MemoryLimit;
  /** Takes an append on its way to the table. */
  readonly send: (own: PendingAppend) => void;
  /** The last reader has left. */
  readonly onUnread: (threadId: string) => void;
  /** The thread has no reader, and no append is in flight. */
  readonly onUnused: (thread: PostgresThread) => void;
}

/** One thread in this process: its appends in flight and, while it has a reader, its tail. */
export class PostgresThread implements TailHost {
  readonly threadId: string;
  readonly settings: PostgresLogSettings;
  readonly source: LogReader;
  readonly #services: ThreadServices;
  readonly #answers: AppendAnswers;
  readonly #readers = new TailReaders<ThreadReader>((offset) => this.#tail?.buffer.hold(offset));
  readonly #inFlight = new Map<string, PendingAppend>();
  /** Messages of transactions. Several may have one id: of them, only the table knows which has become the entry. */
  readonly #staged = new Map<string, PendingAppend[]>();
  readonly #progress: AppendProgress = { at: -Infinity };
  #tail: SharedTail | undefined;

  constructor(threadId: string, services: ThreadServices) {
    const { session, settings } = services;
    this.threadId = threadId;
    this.settings = settings;
    this.source = new LogReader(threadId, session, settings);
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
    this.#services.send(own);
    return own.promise;
  }

  /** A message of an open transaction: its entry gets the draft's body and record, whichever node appends it. */
  expect(own: PendingAppend): void {
    const { id } = own.draft;
    this.#staged.set(id, [...(this.#staged.get(id) ?? []), own]);
    const forget = (): void => {
      const others = this.#staged.get(id)?.filter((other) => other !== own) ?? [];
      if (others.length > 0) this.#staged.set(id, others);
      else this.#staged.delete(id);
      this.#onIdle();
    };
    own.promise.then(forget, forget);
  }

  /** The table's answer to an append of this process. */
  answered(own: PendingAppend, { epoch, offset, at }: AppendAnswer): void {
    this.#progress.at = this.settings.clock.now();
    if (own.isSettled) return;
    const { target = '' } = own.draft;
    if (Number.isNaN(offset)) own.fail(new UnknownMessageError({ threadId: this.threadId, messageId: target }));
    else if (offset > 0) this.#answers.appended(own, { epoch, offset, at });
    else this.#answers.known(own, { epoch, offset: -offset });
  }

  /** An entry of another process. */
  arrived(arrival: Arrival): void {
    this.#tail?.place(arrival);
  }

  noted(message: string): void {
    for (const { onNodeMessage } of this.#readers) onNodeMessage(message);
  }

  /** @returns the tail, once it has the table's position */
  async read(reader: ThreadReader): Promise<SharedTail> {
    this.#readers.add(reader);
    const tail = (this.#tail ??= new SharedTail(this));
    await tail.ready();
    if (tail.isEnded) throw new Error('log has been closed');
    return tail;
  }

  /** @param begun gives up work that takes too long, and repeats what has failed */
  subscription(
    reader: ThreadReader,
    tail: SharedTail,
    begun: (work: () => Promise<void> | undefined) => Promise<void> | undefined,
  ): LogSubscription {
    return {
      tail: tail.buffer,
      reach: (from) => begun(() => tail.reach(from)),
      hold: (offset) => this.#readers.hold(reader, offset),
      unsubscribe: () => this.leave(reader),
    };
  }

  leave(reader: ThreadReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    const tail = this.#tail;
    this.#tail = undefined;
    tail?.end();
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

  /** Drops entries that are too old; false if more are left. */
  trim(): boolean {
    return this.#tail?.buffer.trim(this.settings.clock.now()) ?? true;
  }

  // --- TailHost

  subscribed(): Promise<void> {
    return this.#services.session.whenUp();
  }

  ownAppend(id: string): PendingAppend | undefined {
    const [inFlight, staged] = [this.#inFlight.get(id), this.#staged.get(id)];
    if (staged === undefined) return inFlight;
    return inFlight === undefined && staged.length === 1 ? staged[0] : undefined;
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

  /** A notice was lost: polling has found it, and goes on. */
  onSilence(): void {}

  #onIdle(): void {
    if (this.#tail === undefined && this.#inFlight.size + this.#staged.size === 0) this.#services.onUnused(this);
  }
}
