import type { EntryDraft } from '../../../api/entry.ts';
import type { Appended } from '../../../api/log.ts';
import { releaseDraft } from '../entry.ts';
import { LogUnavailableError } from '../../errors.ts';
import type { Clock } from '../../../api/clock.ts';
import { freshIfEmpty } from '../../fresh-set.ts';

/** When the appends of a thread last made progress: appends behind a large one wait with it. */
export interface AppendProgress {
  at: number;
}

/** One `append` of this process in flight. */
export class PendingAppend {
  readonly draft: EntryDraft;
  /** When it was asked for. */
  readonly since: number;
  readonly #progress: AppendProgress;
  readonly #answer = Promise.withResolvers<Appended>();
  #isBodyTaken = false;
  isSettled = false;
  /** How often it was sent to the log. */
  attempts = 0;

  /** @param since on the log's clock, as the progress is */
  constructor(draft: EntryDraft, since: number, progress: AppendProgress) {
    this.draft = draft;
    this.since = since;
    this.#progress = progress;
  }

  /** Since when it waits without progress. */
  get waitsSince(): number {
    return Math.max(this.since, this.#progress.at);
  }

  /** Its pieces are on their way: it does not wait. */
  progressed(now: number): void {
    this.#progress.at = now;
  }

  get promise(): Promise<Appended> {
    return this.#answer.promise;
  }

  /** The taker of the draft also takes the log's reference to its body. */
  takeDraft(): EntryDraft {
    this.#isBodyTaken = true;
    return this.draft;
  }

  settle(appended: Appended): void {
    if (this.#end()) this.#answer.resolve(appended);
  }

  fail(error: Error): void {
    if (this.#end()) this.#answer.reject(error);
  }

  #end(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    if (!this.#isBodyTaken) releaseDraft(this.draft);
    return true;
  }
}

export interface PendingSettings {
  readonly clock: Clock;
  readonly appendTimeoutMs: number;
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  /** What keeps the log, for messages: `Redis`. */
  readonly keeper: string;
}

/** Delivers a message in this process that the log did not accept in time. Takes over the draft's body. */
export interface LocalDelivery {
  deliver(draft: EntryDraft): Appended;
}

/** All appends in flight, of all threads: limited in number, bytes and time. */
export class PendingAppends {
  readonly #settings: PendingSettings;
  readonly #local: LocalDelivery | undefined;
  readonly #lastError: () => Error;
  /** Oldest first. */
  #pending = new Set<PendingAppend>();
  #bytes = 0;

  /** @param local what happens to messages that the log did not accept in time; undefined: they fail */
  constructor(settings: PendingSettings, local: LocalDelivery | undefined, lastError: () => Error) {
    this.#settings = settings;
    this.#local = local;
    this.#lastError = lastError;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Why another append is refused, or undefined. */
  refusal(draft: EntryDraft): string | undefined {
    const { maxPending, maxPendingBytes, keeper } = this.#settings;
    if (this.#pending.size >= maxPending)
      return `${this.#pending.size} appends are waiting for ${keeper}, limit ${maxPending}`;
    // one is accepted whatever its size
    if (this.#pending.size > 0 && this.#bytes + draft.body.bytes > maxPendingBytes)
      return `${this.#bytes} bytes are waiting for ${keeper}, limit ${maxPendingBytes}`;
    return undefined;
  }

  add(own: PendingAppend): void {
    const { bytes } = own.draft.body;
    this.#pending.add(own);
    this.#bytes += bytes;
    const forget = (): void => {
      if (!this.#pending.delete(own)) return;
      this.#bytes -= bytes;
      this.#pending = freshIfEmpty(this.#pending);
    };
    own.promise.then(forget, forget);
  }

  /** Fails the appends whose time is up. */
  expire(): void {
    const { appendTimeoutMs, clock, keeper } = this.#settings;
    const now = clock.now();
    for (const own of this.#pending) {
      if (now - own.waitsSince < appendTimeoutMs) continue;
      this.#fail(own, `${keeper} did not answer within ${appendTimeoutMs} ms`);
    }
  }

  failAll(reason: string): void {
    for (const own of this.#pending) own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason }));
  }

  #fail(own: PendingAppend, reason: string): void {
    const isMessage = own.draft.kind === undefined || own.draft.kind === 'message';
    if (this.#local !== undefined && isMessage && !own.isSettled) own.settle(this.#local.deliver(own.takeDraft()));
    else own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason, cause: this.#lastError() }));
  }
}
