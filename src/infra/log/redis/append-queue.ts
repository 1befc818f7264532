import type { EntryDraft } from '../../../api/entry.ts';
import type { Position } from '../../../api/log.ts';
import type { AppendAnswers } from '../shared/append-answers.ts';
import { UnknownMessageError } from '../../errors.ts';
import { pause } from '../../time/pause.ts';
import { decodeAppend, encodeNotice, type AppendReply } from './codec.ts';
import { encodeHeader, type PiecesRef } from '../shared/arrival.ts';
import { isFinalReply } from './connections.ts';
import type { Argument, CallWeight } from './calls-together.ts';
import { PIECE_BYTES } from './layout.ts';
import type { LogReader } from './log-reader.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { PendingAppend, type AppendProgress } from '../shared/pending-appends.ts';
import { Upload } from './pieces.ts';
import { unavailable } from '../shared/retry-until.ts';

/** Maximum messages, and bytes, of one script call, during which Redis does nothing else. */
const MAX_BATCH = 64;
const MAX_BATCH_BYTES = 128 * 1024;
const MIN_RETRY_MS = 25;
const MAX_RETRY_MS = 500;

/**
 * The appends of one thread, in order. One script call is in flight at a time, and takes all messages that came meanwhile. So a retry
 * cannot change the order, and a busy thread costs few calls.
 */
export class AppendQueue {
  readonly #threadId: string;
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #answers: AppendAnswers;
  readonly #onNewest: (position: Position) => void;
  readonly #onIdle: () => void;
  readonly #log: LogReader;
  readonly #queue: PendingAppend[] = [];
  readonly #byId = new Map<string, PendingAppend>();
  readonly #progress: AppendProgress = { at: -Infinity };
  #isRunning = false;

  /**
   * @param onNewest receives the position of the newest entry that the process has appended
   * @param onIdle called when nothing is in flight any more for the thread
   */
  constructor(
    threadId: string,
    log: LogReader,
    session: RedisSession,
    settings: RedisLogSettings,
    answers: AppendAnswers,
    onNewest: (position: Position) => void,
    onIdle: () => void,
  ) {
    this.#threadId = threadId;
    this.#log = log;
    this.#session = session;
    this.#settings = settings;
    this.#answers = answers;
    this.#onNewest = onNewest;
    this.#onIdle = onIdle;
  }

  get isIdle(): boolean {
    return this.#byId.size === 0;
  }

  /** The append with this id that is in flight. */
  inFlight(id: string): PendingAppend | undefined {
    return this.#byId.get(id);
  }

  add(draft: EntryDraft): PendingAppend {
    const own = new PendingAppend(draft, this.#settings.clock.now(), this.#progress);
    const { id } = draft;
    this.#byId.set(id, own);
    const forget = (): void => {
      if (this.#byId.get(id) === own) this.#byId.delete(id);
      if (this.isIdle) this.#onIdle();
    };
    own.promise.then(forget, forget);
    this.#queue.push(own);
    if (!this.#isRunning) void this.#run();
    return own;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    // messages sent in the same turn go in the same call
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#send(batch);
    this.#isRunning = false;
  }

  #take(): PendingAppend[] {
    const batch: PendingAppend[] = [];
    let bytes = 0;
    for (let own = this.#queue[0]; own !== undefined; own = this.#queue[0]) {
      const isFull = batch.length === MAX_BATCH || bytes + own.draft.body.bytes > MAX_BATCH_BYTES;
      // a large one is sent alone
      if (batch.length > 0 && (isFull || isLarge(own) || bytes > PIECE_BYTES)) break;
      this.#queue.shift();
      if (own.isSettled) continue;
      batch.push(own);
      bytes += own.draft.body.bytes;
    }
    return batch;
  }

  /** Resolves when each is in the log or has failed. */
  async #send(batch: readonly PendingAppend[]): Promise<void> {
    let upload: Upload | undefined;
    for (let attempt = 0; ; attempt++) {
      const waiting = batch.filter(({ isSettled }) => !isSettled);
      if (waiting.length === 0) return;
      try {
        await this.#session.whenUp();
        // some may have failed meanwhile: their bodies are released
        const sent = waiting.filter(({ isSettled }) => !isSettled);
        const [first] = sent;
        if (first === undefined) return;
        if (isLarge(first)) await this.#upload(first, (upload ??= this.#newUpload(first)));
        const { ref } = upload ?? {};
        // only the answer says whether it has become part of the log
        upload = undefined;
        if (this.#answer(sent, await this.#call(sent, ref))) return;
      } catch (error) {
        if (this.#session.isClosed || isFinalReply(error)) {
          const failure = unavailable(error, this.#threadId);
          for (const own of waiting) own.fail(failure);
          return;
        }
        await pause(this.#settings.clock, Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10)));
      }
    }
  }

  #newUpload({ draft }: PendingAppend): Upload {
    return new Upload(this.#settings.nodeId, draft.body, this.#log.keys.log);
  }

  async #upload(own: PendingAppend, upload: Upload): Promise<void> {
    const { body } = own.draft;
    body.retain();
    try {
      await upload.send(this.#session, this.#settings, () => {
        this.#progress.at = this.#settings.clock.now();
        return !own.isSettled;
      });
    } finally {
      body.release();
    }
  }

  async #call(sent: readonly PendingAppend[], ref: PiecesRef | undefined): Promise<SentReply> {
    const { nodeId, clock } = this.#settings;
    const now = clock.now();
    const headers: string[] = [];
    const messages: Argument[] = [];
    let bytes = 0;
    for (const own of sent) {
      const { draft } = own;
      const header = encodeHeader(draft, nodeId, now);
      headers.push(header);
      if (ref === undefined) messages.push(draft.id, 'E', header, bytesOf(draft), amendment(draft));
      else messages.push(draft.id, 'L', header, `${ref.name} ${ref.count} ${ref.bytes}`, amendment(draft));
      bytes += draft.body.bytes;
      own.attempts++;
      // an append that fails meanwhile must not release memory that the socket still has to read
      draft.body.retain();
    }
    try {
      const weight = { calls: sent.length, bytes: ref === undefined ? bytes : 0 };
      return { ...decodeAppend(await this.#append(sent, messages, weight)), headers };
    } finally {
      for (const { draft } of sent) draft.body.release();
    }
  }

  async #append(sent: readonly PendingAppend[], messages: readonly Argument[], weight: CallWeight): Promise<unknown> {
    if (this.#settings.cluster !== undefined) return this.#log.append(this.#publishCommand, messages);
    try {
      return await this.#log.appendTogether(messages, weight);
    } catch (error) {
      if (!isFinalReply(error)) throw error;
      // another thread's log may be what Redis refuses; a message that is in the log by now is known by its id
      for (const own of sent) own.attempts++;
      return this.#log.append(this.#publishCommand, messages);
    }
  }

  get #publishCommand(): 'PUBLISH' | 'SPUBLISH' {
    return this.#session.connection?.publishCommand ?? 'PUBLISH';
  }

  /** True if all have their answer. */
  #answer(sent: readonly PendingAppend[], { epoch, at, offsets, listeners, headers }: SentReply): boolean {
    this.#progress.at = this.#settings.clock.now();
    let newest: { readonly position: Position; readonly header: string } | undefined;
    for (const [i, offset] of offsets.entries()) {
      const own = sent[i];
      if (own === undefined || offset === 0) continue;
      if (offset > 0) newest = { position: { epoch, offset, id: own.draft.id }, header: headers[i] ?? '' };
      if (own.isSettled) continue;
      if (Number.isNaN(offset)) own.fail(unknownTarget(own.draft));
      else if (offset > 0) this.#answers.appended(own, { epoch, offset, at });
      else
        this.#answers.known(own, { epoch, offset: -offset }, (known) =>
          this.#isOwn(known, epoch, at - (this.#settings.clock.now() - own.since)),
        );
    }
    if (newest !== undefined) this.#announce(newest.position, at, newest.header, listeners);
    return offsets.length === sent.length && !offsets.includes(0);
  }

  /** Whether this process has logged an entry, at this time or later. */
  async #isOwn(offset: number, epoch: string, since: number): Promise<boolean> {
    const [entry] = await this.#log.arrivalsBefore(offset, offset, epoch);
    return entry !== undefined && entry.header.by === this.#settings.nodeId && entry.at >= since;
  }

  #announce(position: Position, at: number, header: string, listeners: number): void {
    this.#onNewest(position);
    // a moving slot may already have the thread, while its listeners are still at the old shard
    if (listeners === 0 && this.#publishCommand === 'SPUBLISH')
      this.#session.publish(this.#log.keys.channel, encodeNotice(position, at, header));
  }
}

interface SentReply extends AppendReply {
  readonly headers: readonly string[];
}

/** The script argument of an edit (`+`) or a removal (`-`). */
function amendment({ kind, target }: EntryDraft): string {
  if (target === undefined) return '';
  return (kind === 'remove' ? '-' : '+') + target;
}

const unknownTarget = ({ threadId, target = '' }: EntryDraft): Error =>
  new UnknownMessageError({ threadId, messageId: target });

const isLarge = ({ draft }: PendingAppend): boolean => draft.body.bytes > PIECE_BYTES;

function bytesOf({ body: { chunks } }: EntryDraft): Buffer {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.length);
  return Buffer.concat(chunks);
}
