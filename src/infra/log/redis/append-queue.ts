import type { Appended } from '../delivery-log.ts';
import { releaseDraft, type EntryDraft } from '../entry.ts';
import { asError, LogUnavailableError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import { decodeAppend, encodeHeader, type AppendReply } from './codec.ts';
import { isFinalReply } from './connections.ts';
import type { LocalDeliveries } from './local-deliveries.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { APPEND } from './scripts.ts';

/** One `append` of this process on its way. */
export class PendingAppend {
  readonly draft: EntryDraft;
  /** On the log's clock. */
  readonly since: number;
  readonly #answer = Promise.withResolvers<Appended>();
  #isBodyTaken = false;
  isSettled = false;
  /** How often it was sent to Redis. */
  attempts = 0;

  constructor(draft: EntryDraft, since: number) {
    this.draft = draft;
    this.since = since;
  }

  get promise(): Promise<Appended> {
    return this.#answer.promise;
  }

  /** Whoever takes the draft takes the log's reference to its body. */
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

/** Who is told what Redis says of an append. */
export interface AppendListener {
  onAppended(own: PendingAppend, position: { epoch: string; offset: number; at: number }): void;
  /** The id is in the log already, at this offset. */
  onKnown(own: PendingAppend, position: { epoch: string; offset: number }): void;
  /** Nothing is under way any more for the thread. */
  onIdle(): void;
}

/** Messages, and bytes, of one script call at most: it keeps Redis from everything else meanwhile. */
const MAX_BATCH = 64;
const MAX_BATCH_BYTES = 512 * 1024;
const MIN_RETRY_MS = 25;
const MAX_RETRY_MS = 500;

/**
 * The appends of one thread, in their order. One script call is under way at a time, and takes with it all that came meanwhile:
 * so a retry cannot change the order, and a busy thread costs few calls.
 */
export class AppendQueue {
  readonly #threadId: string;
  readonly #link: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #listener: AppendListener;
  readonly #queue: PendingAppend[] = [];
  readonly #byId = new Map<string, PendingAppend>();
  #isRunning = false;

  constructor(threadId: string, link: RedisSession, settings: RedisLogSettings, listener: AppendListener) {
    this.#threadId = threadId;
    this.#link = link;
    this.#settings = settings;
    this.#listener = listener;
  }

  get isIdle(): boolean {
    return this.#byId.size === 0;
  }

  /** The append with this id that is on its way. */
  underWay(id: string): PendingAppend | undefined {
    return this.#byId.get(id);
  }

  add(own: PendingAppend): void {
    const { id } = own.draft;
    this.#byId.set(id, own);
    const forget = (): void => {
      if (this.#byId.get(id) === own) this.#byId.delete(id);
      if (this.isIdle) this.#listener.onIdle();
    };
    own.promise.then(forget, forget);
    this.#queue.push(own);
    if (!this.#isRunning) void this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    // what is sent in the same turn goes in the same call
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#send(batch);
    this.#isRunning = false;
  }

  #take(): PendingAppend[] {
    const batch: PendingAppend[] = [];
    let bytes = 0;
    for (let own = this.#queue[0]; own !== undefined; own = this.#queue[0]) {
      if (batch.length === MAX_BATCH || (batch.length > 0 && bytes + own.draft.body.bytes > MAX_BATCH_BYTES)) break;
      this.#queue.shift();
      if (own.isSettled) continue;
      batch.push(own);
      bytes += own.draft.body.bytes;
    }
    return batch;
  }

  /** Until each is in the log or has failed. */
  async #send(batch: readonly PendingAppend[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const waiting = batch.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) return;
      try {
        await this.#link.whenUp();
        // some may have failed meanwhile: their bodies are gone
        const sent = waiting.filter(({ isSettled }) => !isSettled);
        if (sent.length > 0) this.#answer(sent, await this.#call(sent));
        return;
      } catch (error) {
        if (this.#link.isClosed || isFinalReply(error)) {
          const cause = asError(error);
          for (const own of waiting)
            own.fail(new LogUnavailableError({ threadId: this.#threadId, reason: cause.message, cause }));
          return;
        }
        await pause(this.#settings.clock, Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10)));
      }
    }
  }

  async #call(sent: readonly PendingAppend[]): Promise<AppendReply> {
    const { keys, nodeId, clock, retention, idempotencyMs, metaMs, newEpoch, inlineBytes } = this.#settings;
    const names = keys(this.#threadId);
    const now = clock.now();
    const messages = sent.flatMap(({ draft }) => [draft.id, encodeHeader(draft, nodeId, now), bytesOf(draft)]);
    for (const own of sent) own.attempts++;
    // an append that fails meanwhile must not give away memory that the socket still has to read
    for (const { draft } of sent) draft.body.retain();
    const call = this.#link.run(
      APPEND,
      [names.meta, names.stream, ...sent.map(({ draft }) => names.id(draft.id))],
      [
        newEpoch(),
        this.#settings.redisNow(),
        String(retention.maxEntries),
        String(retention.maxAgeMs),
        String(idempotencyMs),
        String(metaMs),
        names.channel,
        this.#link.connection?.publishCommand ?? 'PUBLISH',
        String(inlineBytes),
        ...messages,
      ],
    );
    try {
      return decodeAppend(await call);
    } finally {
      for (const { draft } of sent) draft.body.release();
    }
  }

  #answer(sent: readonly PendingAppend[], { epoch, at, offsets }: AppendReply): void {
    for (const [i, own] of sent.entries()) {
      const offset = offsets[i] ?? 0;
      if (own.isSettled) continue;
      if (offset > 0) this.#listener.onAppended(own, { epoch, offset, at });
      else this.#listener.onKnown(own, { epoch, offset: -offset });
    }
  }
}

function bytesOf({ body: { chunks } }: EntryDraft): Buffer {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length);
  return Buffer.concat(chunks);
}

/** All appends on their way, of all threads: bounded in number, bytes and time. */
export class PendingAppends {
  readonly #settings: RedisLogSettings;
  readonly #local: LocalDeliveries;
  readonly #lastError: () => Error;
  /** Oldest first. */
  readonly #pending = new Set<PendingAppend>();
  #bytes = 0;

  constructor(settings: RedisLogSettings, local: LocalDeliveries, lastError: () => Error) {
    this.#settings = settings;
    this.#local = local;
    this.#lastError = lastError;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Why another one has no place, or undefined. */
  refusal(draft: EntryDraft): string | undefined {
    const { maxPending, maxPendingBytes } = this.#settings;
    if (this.#pending.size >= maxPending)
      return `${this.#pending.size} appends are waiting for Redis, limit ${maxPending}`;
    // one is let in whatever its size
    if (this.#pending.size > 0 && this.#bytes + draft.body.bytes > maxPendingBytes)
      return `${this.#bytes} bytes are waiting for Redis, limit ${maxPendingBytes}`;
    return undefined;
  }

  add(own: PendingAppend): void {
    const { bytes } = own.draft.body;
    this.#pending.add(own);
    this.#bytes += bytes;
    const forget = (): void => {
      if (this.#pending.delete(own)) this.#bytes -= bytes;
    };
    own.promise.then(forget, forget);
  }

  /** Those whose time is up fail. */
  expire(): void {
    const { appendTimeoutMs, clock } = this.#settings;
    const now = clock.now();
    for (const own of this.#pending) {
      if (now - own.since < appendTimeoutMs) return;
      this.#fail(own, `Redis did not answer within ${appendTimeoutMs} ms`);
    }
  }

  failAll(reason: string): void {
    for (const own of this.#pending) own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason }));
  }

  #fail(own: PendingAppend, reason: string): void {
    if (this.#settings.isDeliveredLocally && !own.isSettled) own.settle(this.#local.deliver(own.takeDraft()));
    else own.fail(new LogUnavailableError({ threadId: own.draft.threadId, reason, cause: this.#lastError() }));
  }
}
