import {
  LogUnavailableError,
  StreamExistsError,
  StreamLostError,
  ThreadClosedError,
  TooManyStreamsError,
} from '../../infra/errors.ts';
import type { StreamServices } from './stream-services.ts';
import { PATIENCE, StreamReplication } from './stream-replication.ts';
import type { TextSource } from './flush-timer.ts';
import { MissedStreams, type TextPositions } from './missed-streams.ts';
import type { TextReader } from './text-reader.ts';
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

/**
 * The token streams in progress in one thread. Tokens are not entries of the log, because no client needs a single token later. A client
 * that is behind gets the text so far, and in the end the final message, which is an entry.
 */
export class StreamRegistry {
  readonly #host: StreamHost;
  readonly #services: StreamServices;
  readonly #byId = new Map<string, StreamState>();
  readonly #replication: StreamReplication;
  readonly #tail: LogTail;
  readonly #missed = new MissedStreams();

  /** @param tail the tail of the thread's log */
  constructor(host: StreamHost, services: StreamServices, tail: LogTail) {
    this.#host = host;
    this.#services = services;
    this.#tail = tail;
    this.#replication = new StreamReplication(host, services, {
      byId: this.#byId,
      isLogged: (id) => this.#isLogged(id),
      onBegun: (stream) => this.#onBegun(stream),
    });
  }

  get size(): number {
    return this.#byId.size;
  }

  /** This process publishes at least one of the streams. */
  get hasPublisher(): boolean {
    return [...this.#byId.values()].some(({ publisher }) => publisher !== undefined);
  }

  /** @throws StreamExistsError, TooManyStreamsError */
  begin(stream: StreamState): void {
    const { maxPerThread } = this.#services.settings.streams;
    const facts = { threadId: this.#host.id, streamId: stream.id };
    if (this.#byId.has(stream.id) || this.#isLogged(stream.id)) throw new StreamExistsError(facts);
    if (this.#byId.size >= maxPerThread) throw new TooManyStreamsError({ ...facts, limit: maxPerThread });
    this.#byId.set(stream.id, stream);
    this.#services.counters.streams++;
    this.#host.onStreams();
    this.#replication.announce(stream);
    // also without text: clients can cancel it before its first token
    this.#host.offerText();
  }

  /** Those in progress, as far as this process knows, in the order in which it has heard of them. */
  get inProgress(): readonly StreamInProgress[] {
    return Array.from(this.#byId.values(), ({ id, text: { length } }) => ({ id, length }));
  }

  /**
   * Reserves the id: another message with the id of a stream would look like the stream's end to all clients.
   * @throws StreamExistsError
   */
  assertFree(id: string): void {
    if (this.#byId.get(id)?.isEnding === false) throw new StreamExistsError({ threadId: this.#host.id, streamId: id });
  }

  /** Sends the first text, and text after a pause, at once. Other text waits for the end of its window. */
  appended(stream: StreamState): void {
    if (!stream.text.isPending) return;
    if (this.#services.now() - stream.toldAt >= this.#services.settings.streams.windowMs) this.#host.offerText();
    else this.#services.ticker.add(this.#host);
  }

  /** A fan-out begins: releases the waiting text, also to the other processes. Returns its length in UTF-16 units. */
  flush(): number {
    let units = 0;
    for (const stream of this.#byId.values()) {
      const from = stream.text.told;
      const { length } = stream.text.takePending();
      if (length > 0) stream.toldAt = this.#services.now();
      units += length;
      this.#replication.replicate(stream, from);
    }
    return units;
  }

  // --- for the subscriptions

  /** Writes the text that the subscription has not received, as far as its socket accepts it; true when nothing is left. */
  offer(subscription: TextReader): boolean {
    if (!subscription.takesText) return true;
    for (const stream of this.#byId.values()) {
      let at = stream.cursors.get(subscription) ?? UNANNOUNCED;
      // its client may know more of another process's stream than we do yet
      if (at >= stream.text.told) continue;
      while (at < stream.text.told) {
        if (!subscription.canWrite) break;
        const { bytes, to } = stream.text.frame(Math.max(at, 0));
        subscription.writeText(bytes);
        this.#services.counters.textFrames++;
        at = to;
      }
      stream.cursors.set(subscription, at);
      if (at < stream.text.told) return false;
    }
    return true;
  }

  /** The number of frames that `offer` would write: 0, 1, or 2 for more. */
  framesOwed(subscription: TextReader): 0 | 1 | 2 {
    let isOwed = false;
    for (const { cursors, text } of this.#byId.values()) {
      const at = cursors.get(subscription) ?? 0;
      if (at >= text.told) continue;
      if (isOwed || text.frame(at).to < text.told) return 2;
      isOwed = true;
    }
    return isOwed ? 1 : 0;
  }

  /** Some text has not been written to the subscription yet. */
  owes(subscription: TextReader): boolean {
    if (!subscription.takesText) return false;
    for (const { cursors, text } of this.#byId.values()) {
      if ((cursors.get(subscription) ?? UNANNOUNCED) < text.told) return true;
    }
    return false;
  }

  /** UTF-16 units of text that the subscription has not had. */
  unitsOwed(subscription: TextReader): number {
    let units = 0;
    for (const { cursors, text } of this.#byId.values())
      units += Math.max(0, text.told - (cursors.get(subscription) ?? 0));
    return units;
  }

  /** The subscription begins, or begins anew, at the positions that its client reports. Its `joined` announces the streams. */
  place(subscription: TextReader, has: TextPositions = NOTHING): void {
    for (const { id, cursors, text } of this.#byId.values()) cursors.set(subscription, text.align(has.get(id) ?? 0));
    // a stream whose final message is in the log ends with it
    const missed = [...has].filter(([id]) => !this.#byId.has(id) && !this.#isLogged(id));
    const { maxPerThread, timeoutMs } = this.#services.settings.streams;
    // where no other process can have it, the next sweep tells that it is lost
    const patienceMs = this.#replication.hasOthers ? PATIENCE * timeoutMs : 0;
    const dueAt = this.#services.now() + patienceMs;
    this.#missed.set(subscription, { has: new Map(missed.slice(0, maxPerThread)), dueAt });
  }

  /** The subscription has ended; or its client has met a gap, and gets all streams in progress anew. */
  forget(subscription: TextReader): void {
    this.#missed.delete(subscription);
    for (const { cursors } of this.#byId.values()) cursors.delete(subscription);
  }

  // --- their end

  /**
   * Logs the final message of a stream.
   * @throws StreamExistsError if the log already has another message with its id; the stream has then ended without this one
   */
  async finish(stream: StreamState, message: object): Promise<Receipt> {
    const receipt = await this.#log(stream, message);
    if (receipt.isDuplicate && !stream.mayBeLogged)
      throw new StreamExistsError({ threadId: this.#host.id, streamId: stream.id });
    return receipt;
  }

  async #log(stream: StreamState, message: object): Promise<Receipt> {
    stream.isEnding = true;
    try {
      const receipt = await this.#host.send(message, { idempotencyKey: stream.id });
      // if the message was already in the log, no entry has ended the stream here
      this.onEntry(stream.id);
      return receipt;
    } catch (error) {
      if (error instanceof LogUnavailableError) stream.mayBeLogged = true;
      throw error;
    } finally {
      stream.isEnding = false;
    }
  }

  /** The publisher in another process is presumed dead. If several processes log a mark, the first one counts. */
  async #markLost(stream: StreamState): Promise<void> {
    const { isDuplicate } = await this.#log(stream, { text: stream.text.whole, aborted: 'lost' });
    // the log had the end before its text came here: no message will end it for clients that know the stream
    if (isDuplicate) for (const reader of stream.cursors.keys()) reader.tellLost(stream.id);
  }

  #isLogged(id: string): boolean {
    return this.#tail.byId?.(id) !== undefined;
  }

  /**
   * A message has been logged. If it is the final message of a stream, the stream is over; clients that miss text find it in the message.
   */
  onEntry(id: string): void {
    const stream = this.#byId.get(id);
    if (stream === undefined) return;
    this.#byId.delete(id);
    this.#services.counters.streams--;
    this.#replication.forget(id);
    stream.publisher?.onOver('ended');
    this.#host.onStreams();
  }

  /** A member of the thread asks to cancel the stream. Also true if nothing is left to cancel, or if another process decides. */
  cancel(id: string, by: Canceller): boolean | Promise<boolean> {
    const stream = this.#byId.get(id);
    if (stream?.publisher !== undefined) return stream.publisher.cancel(by);
    if (stream !== undefined) this.#replication.cancel(id, by);
    return true;
  }

  /** The sweep: a publisher that was silent for too long is presumed dead. */
  expire(now: number): void {
    for (const stream of this.#byId.values()) {
      const isOverdue = !stream.isEnding && now - stream.heardAt >= stream.timeoutMs;
      if (isOverdue && (stream.publisher !== undefined || this.#replication.isOrphaned(stream, now)))
        this.#abort(stream, 'timeout');
      this.#replication.keepAlive(stream, now);
    }
    this.#missed.expire(now, (id) => this.#byId.has(id));
  }

  /** The hub shuts down: keeps the text so far as a final message. */
  abortAll(reason: string): void {
    for (const stream of this.#byId.values()) {
      if (stream.publisher !== undefined && !stream.isEnding) this.#abort(stream, reason);
    }
  }

  /** The thread is closed. */
  release(): void {
    for (const { publisher } of this.#byId.values()) publisher?.onOver('closed');
    this.#services.counters.streams -= this.#byId.size;
    this.#byId.clear();
    this.#missed.clear();
  }

  /** If it does not succeed, the next sweep tries again. */
  #abort(stream: StreamState, reason: string): void {
    const { id, publisher, text } = stream;
    const aborting = publisher === undefined ? this.#markLost(stream) : publisher.abort(reason);
    aborting.catch((error: unknown) => {
      if (!(error instanceof ThreadClosedError)) return this.#services.report(error);
      // a stream of another process ends there, or in a third one
      if (publisher === undefined) return undefined;
      const facts = { threadId: this.#host.id, streamId: id, length: text.length, cause: error };
      return this.#services.report(new StreamLostError(facts));
    });
  }

  // --- the other processes that hold the thread

  /** Another process publishes it, and some clients knew it before we did. */
  #onBegun(stream: StreamState): void {
    for (const [subscription, at] of this.#missed.positionsIn(stream.id)) stream.cursors.set(subscription, at);
  }

  /** This process now holds the thread: asks the others for their streams. */
  ask(): void {
    this.#replication.ask();
  }

  /** True if the message was about streams. */
  onNodeMessage(text: string): boolean {
    return this.#replication.onNodeMessage(text);
  }
}

/** The position of a subscription whose client has not heard of the stream: before its first text. */
const UNANNOUNCED = -1;

const NOTHING: TextPositions = new Map();
