import {
  LogUnavailableError,
  MessageTooLargeError,
  StreamExistsError,
  StreamLostError,
  ThreadcastError,
  ThreadClosedError,
  TooManyStreamsError,
  UnserializableMessageError,
} from '../../infra/errors.ts';
import type { StreamServices } from './stream-services.ts';
import { StreamReplication } from './stream-replication.ts';
import type { TextSource } from './flush-timer.ts';
import { StreamReaders } from './stream-readers.ts';
import { readChunks } from './read-chunks.ts';
import type { StreamContent } from './stream-content.ts';
import type { StreamState } from './stream-state.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';
import type { Canceller, StreamInProgress } from '../../api/stream.ts';
import type { LogTail } from '../../api/log.ts';

/** The thread that the streams are in. */
export interface StreamHost extends TextSource {
  readonly id: string;
  send(message: unknown, options: SendOptions): Promise<Receipt>;
  /** A stream has begun or ended. */
  onStreams(): void;
}

/** How long a stream of chunks that has ended can still be followed. */
const RECENT_MS = 30_000;

/**
 * The token streams in progress in one thread. Tokens are not entries of the log, because no client needs a single token later. A client
 * that is behind gets the text so far, and in the end the final message, which is an entry.
 */
export class StreamRegistry extends StreamReaders {
  readonly #host: StreamHost;
  readonly #services: StreamServices;
  readonly #replication: StreamReplication;
  #sweptAt: number;

  /** @param tail the tail of the thread's log */
  constructor(host: StreamHost, services: StreamServices, tail: LogTail) {
    super(services, tail);
    this.#host = host;
    this.#services = services;
    this.#sweptAt = services.now();
    this.#replication = new StreamReplication(host, services, {
      byId: this.byId,
      isLogged: (id) => this.isLogged(id),
      onBegun: (stream) => {
        this.recent = undefined;
        this.placeMissed(stream);
      },
    });
  }

  /** Those in progress, and one that has ended a moment ago. */
  get size(): number {
    return this.byId.size + (this.recent === undefined ? 0 : 1);
  }

  /** This process publishes at least one of the streams. */
  get hasPublisher(): boolean {
    return [...this.byId.values()].some(({ publisher }) => publisher !== undefined);
  }

  /** @throws StreamExistsError, TooManyStreamsError */
  begin(stream: StreamState): void {
    const { maxPerThread } = this.#services.settings.streams;
    const facts = { threadId: this.#host.id, streamId: stream.id };
    if (this.byId.has(stream.id) || this.isLogged(stream.id)) throw new StreamExistsError(facts);
    if (this.byId.size >= maxPerThread) throw new TooManyStreamsError({ ...facts, limit: maxPerThread });
    this.byId.set(stream.id, stream);
    this.recent = undefined;
    this.#services.counters.streams++;
    this.#host.onStreams();
    this.#replication.announce(stream);
    // also without text: clients can cancel it before its first token
    this.#host.offerText();
  }

  /** Those in progress, as far as this process knows, in the order in which it has heard of them. */
  get inProgress(): readonly StreamInProgress[] {
    return Array.from(this.byId.values(), ({ id, content: { length, codec } }) => ({ id, length, codec }));
  }

  /**
   * Reserves the id: another message with the id of a stream would look like the stream's end to all clients.
   * @throws StreamExistsError
   */
  assertFree(id: string): void {
    if (this.byId.get(id)?.isEnding === false) throw new StreamExistsError({ threadId: this.#host.id, streamId: id });
  }

  /** Sends the first text, and text after a pause, at once. Other text waits for the end of its window. */
  appended(stream: StreamState): void {
    if (!stream.content.isPending) return;
    if (this.#services.now() - stream.toldAt >= this.#services.settings.streams.windowMs) this.#host.offerText();
    else this.#services.ticker.add(this.#host);
  }

  /** Releases what was written, to the other processes as well: before the end, which may be faster than a window. */
  hasten(stream: StreamState): void {
    this.#flush(stream);
    this.#host.offerText();
  }

  /** A fan-out begins: releases the waiting text, also to the other processes. Returns its length in UTF-16 units, or bytes. */
  flush(): number {
    let units = 0;
    for (const stream of this.byId.values()) units += this.#flush(stream);
    return units;
  }

  #flush(stream: StreamState): number {
    const from = stream.content.told;
    const released = stream.content.takePending();
    if (released > 0) stream.toldAt = this.#services.now();
    this.#replication.replicate(stream, from);
    return released;
  }

  /** Those written in chunks, and the newest one that has ended a moment ago. */
  get chunked(): readonly StreamState[] {
    const open = [...this.byId.values()].filter(({ content }) => content.codec !== undefined);
    return this.recent === undefined ? open : [this.recent.stream, ...open];
  }

  /**
   * Logs the final message of a stream.
   * @throws StreamExistsError if the log already has another message with its id; the stream has then ended without this one
   */
  async finish(stream: StreamState, message: unknown): Promise<Receipt> {
    const receipt = await this.#log(stream, message);
    if (receipt.isDuplicate && !stream.mayBeLogged)
      throw new StreamExistsError({ threadId: this.#host.id, streamId: stream.id });
    return receipt;
  }

  async #log(stream: StreamState, message: unknown): Promise<Receipt> {
    stream.isEnding = true;
    try {
      const receipt = await this.#host.send(message, { idempotencyKey: stream.id });
      // if the message was already in the log, no entry has ended the stream here
      this.onEntry(stream.id);
      return receipt;
    } catch (error) {
      // also what a log of the application throws
      if (error instanceof LogUnavailableError || !(error instanceof ThreadcastError)) stream.mayBeLogged = true;
      throw error;
    } finally {
      stream.isEnding = false;
    }
  }

  /** The publisher in another process is presumed dead. If several processes log a mark, the first one counts. */
  async #markLost(stream: StreamState): Promise<void> {
    const { isDuplicate } = await this.#log(stream, stream.content.final({}, 'lost'));
    // the log had the end before its text came here: no message will end it for clients that know the stream
    if (isDuplicate) for (const reader of stream.cursors.keys()) reader.tellLost(stream.id);
  }

  /**
   * A message has been logged. If it is the final message of a stream, the stream is over; clients that miss text find it in the message.
   */
  onEntry(id: string): void {
    const stream = this.byId.get(id);
    if (stream === undefined) return;
    stream.content.takePending();
    if (!stream.content.form.isWholeInEnd) this.recent = { stream, until: this.#services.now() + RECENT_MS };
    this.#over(stream, 'ended');
  }

  #over(stream: StreamState, reason: string): void {
    stream.feed?.stop();
    this.byId.delete(stream.id);
    this.#services.counters.streams--;
    this.#replication.forget(stream.id);
    stream.isOver = true;
    stream.publisher?.onOver(reason);
    this.#host.onStreams();
  }

  /** A member of the thread asks to cancel the stream. Also true if nothing is left to cancel, or if another process decides. */
  cancel(id: string, by: Canceller): boolean | Promise<boolean> {
    const stream = this.byId.get(id);
    if (stream?.publisher !== undefined) return stream.publisher.cancel(by);
    if (stream !== undefined) this.#replication.cancel(id, by);
    return true;
  }

  /** The sweep: a publisher that was silent for too long is presumed dead. */
  expire(now: number): void {
    // our own loop was late: signs of life may wait to be heard
    const isLate = now - this.#sweptAt > 2 * this.#services.settings.sweepMs;
    this.#sweptAt = now;
    for (const stream of this.byId.values()) {
      const isOverdue = !isLate && !stream.isEnding && now - stream.heardAt >= stream.timeoutMs;
      if (isOverdue && (stream.publisher !== undefined || this.#replication.isOrphaned(stream, now)))
        this.#abort(stream, 'timeout');
      if (!stream.isOver) this.#replication.keepAlive(stream, now);
    }
    if (this.recent !== undefined && now >= this.recent.until) this.recent = undefined;
    this.missed.expire(now, (id) => this.byId.has(id));
  }

  /** The hub shuts down: keeps the text so far as a final message. The promise is for messages that wait for what was written. */
  abortAll(reason: string): Promise<unknown> | undefined {
    const held: Promise<unknown>[] = [];
    for (const stream of this.byId.values()) {
      const { publisher } = stream;
      if (publisher === undefined || stream.isEnding) continue;
      this.#abort(stream, reason);
      if (publisher.isHeld) held.push(publisher.abort(reason));
    }
    return held.length === 0 ? undefined : Promise.allSettled(held);
  }

  /** The thread is closed, or all that was in it has been erased. */
  release(reason: 'closed' | 'deleted'): void {
    const streams = [...this.byId.values()];
    this.#services.counters.streams -= streams.length;
    this.byId.clear();
    this.missed.clear();
    this.recent = undefined;
    for (const stream of streams) {
      stream.feed?.stop();
      stream.isOver = true;
      this.#replication.forget(stream.id);
      // its signal runs code of the application, which may begin another stream
      stream.publisher?.onOver(reason);
    }
  }

  /** If it does not succeed, the next sweep tries again, unless it never will. */
  #abort(stream: StreamState, reason: string): void {
    const { publisher, content } = stream;
    if (stream.isReading) return undefined;
    if (publisher === undefined && content.unread.length > 0) {
      void this.#read(stream, content);
      return undefined;
    }
    try {
      // a codec may throw, now and at each attempt
      content.final({}, reason);
    } catch (error) {
      return this.#lose(stream, error);
    }
    const aborting = publisher === undefined ? this.#markLost(stream) : publisher.abort(reason);
    aborting.catch((error: unknown) => {
      if (HOPELESS.some((kind) => error instanceof kind)) this.#lose(stream, error);
      else if (!(error instanceof ThreadClosedError)) this.#services.report(error);
      // a stream of another process ends there, or in a third one
      else if (publisher !== undefined) this.#reportLost(stream, error);
    });
    return undefined;
  }

  /** The next sweep goes on. */
  async #read(stream: StreamState, { unread }: StreamContent): Promise<void> {
    stream.isReading = true;
    await readChunks(unread, this.#services.clock);
    stream.isReading = false;
  }

  /** No message can say how it ended: clients that know it are told that it is lost. */
  #lose(stream: StreamState, cause: unknown): void {
    this.#reportLost(stream, cause);
    if (stream.isOver) return;
    for (const reader of stream.cursors.keys()) reader.tellLost(stream.id);
    this.#over(stream, 'failed');
  }

  #reportLost({ id, content: { length } }: StreamState, cause: unknown): void {
    this.#services.report(new StreamLostError({ threadId: this.#host.id, streamId: id, length, cause }));
  }

  // --- the other processes that hold the thread

  /** True if the message was about streams. */
  onNodeMessage(text: string): boolean {
    return this.#replication.onNodeMessage(text);
  }
}

/** What a mark is refused with, now and at each attempt. */
const HOPELESS = [MessageTooLargeError, UnserializableMessageError];
