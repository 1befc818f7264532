import { LogUnavailableError, StreamExistsError, TooManyStreamsError } from '../../infra/errors.ts';
import type { StreamServices } from './stream-services.ts';
import { PATIENCE, StreamReplication } from './stream-replication.ts';
import type { TextSource } from './flush-timer.ts';
import type { TextReader } from './text-reader.ts';
import type { StreamState } from './stream-state.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';
import type { Canceller } from '../../api/stream.ts';
import type { LogTail } from '../../api/log.ts';

/** The thread that the streams are in. */
export interface StreamHost extends TextSource {
  readonly id: string;
  send(message: unknown, options: SendOptions): Promise<Receipt>;
  /** A stream has begun or is over. */
  onStreams(): void;
}

/** What a client says it has of the streams of a thread: units by the stream's id. */
export type TextPositions = ReadonlyMap<string, number>;

/** Streams that a client knows of and this process does not, and until when news of them may come. */
interface Missed {
  readonly has: TextPositions;
  readonly dueAt: number;
}

/**
 * The token streams under way in one thread. They are no entries of the log, for nobody needs a token later: whoever is behind gets
 * the text so far, and in the end the final message, which is one.
 */
export class StreamRegistry {
  readonly #host: StreamHost;
  readonly #services: StreamServices;
  readonly #byId = new Map<string, StreamState>();
  readonly #replication: StreamReplication;
  readonly #tail: LogTail;
  readonly #missed = new Map<TextReader, Missed>();

  /** @param tail of the thread's log */
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

  /** One of them is published in this process. */
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
    this.#host.onStreams();
    this.appended(stream);
  }

  /**
   * Nobody else may log a message with the id of a stream: to all clients it would be its end.
   * @throws StreamExistsError
   */
  assertFree(id: string): void {
    if (this.#byId.get(id)?.isEnding === false) throw new StreamExistsError({ threadId: this.#host.id, streamId: id });
  }

  /** The first text goes out at once, and so does what comes after a pause; the rest waits for its window. */
  appended(stream: StreamState): void {
    if (!stream.text.isPending) return;
    if (this.#services.now() - stream.toldAt >= this.#services.settings.streams.windowMs) this.#host.offerText();
    else this.#services.ticker.add(this.#host);
  }

  /** A fan-out begins: what waits goes with it, and to the other processes. Answers with how much that is, in UTF-16 units. */
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

  /** Writes what the subscription has not had, as far as its socket takes it; true when nothing is left. */
  offer(subscription: TextReader): boolean {
    for (const stream of this.#byId.values()) {
      let at = stream.cursors.get(subscription) ?? 0;
      // beyond it where its client knows more of another process's stream than we do yet
      if (at >= stream.text.told) continue;
      while (at < stream.text.told) {
        if (!subscription.canWrite) break;
        const { bytes, to } = stream.text.frame(at);
        subscription.writeText(bytes);
        this.#services.counters.textFrames++;
        at = to;
      }
      stream.cursors.set(subscription, at);
      if (at < stream.text.told) return false;
    }
    return true;
  }

  /** There is text that the subscription has not had. */
  owes(subscription: TextReader): boolean {
    for (const { cursors, text } of this.#byId.values()) {
      if ((cursors.get(subscription) ?? 0) < text.told) return true;
    }
    return false;
  }

  /** The subscription begins, or begins anew, with what its client says it has. */
  place(subscription: TextReader, has: TextPositions = NOTHING): void {
    for (const { id, cursors, text } of this.#byId.values()) cursors.set(subscription, text.align(has.get(id) ?? 0));
    const missed = [...has].filter(([id]) => !this.#byId.has(id));
    const { maxPerThread, timeoutMs } = this.#services.settings.streams;
    const dueAt = this.#services.now() + PATIENCE * timeoutMs;
    if (!this.#replication.hasOthers || missed.length === 0) this.#missed.delete(subscription);
    else this.#missed.set(subscription, { has: new Map(missed.slice(0, maxPerThread)), dueAt });
  }

  forget(subscription: TextReader): void {
    this.#missed.delete(subscription);
    for (const { cursors } of this.#byId.values()) cursors.delete(subscription);
  }

  // --- their end

  /**
   * Logs the final message of a stream.
   * @throws StreamExistsError: the log has another message with its id, so it is over without this one
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
      // where the message was in the log already, no entry has told
      this.onEntry(stream.id);
      return receipt;
    } catch (error) {
      if (error instanceof LogUnavailableError) stream.mayBeLogged = true;
      throw error;
    } finally {
      stream.isEnding = false;
    }
  }

  /** The publisher of another process is taken for dead. Of several processes that do so, the first one's mark is logged. */
  async #markLost(stream: StreamState): Promise<void> {
    const { isDuplicate } = await this.#log(stream, { text: stream.text.whole, aborted: 'lost' });
    // the end was in the log before its text came here: no message will end it for those who have heard of it
    if (isDuplicate) for (const reader of stream.cursors.keys()) reader.tellLost(stream.id);
  }

  #isLogged(id: string): boolean {
    return this.#tail.byId?.(id) !== undefined;
  }

  /** A message has been logged: if it is a final one, its stream is over, and whoever has not had all of the text has it there. */
  onEntry(id: string): void {
    const stream = this.#byId.get(id);
    if (stream === undefined) return;
    this.#byId.delete(id);
    this.#replication.forget(id);
    stream.publisher?.onOver('ended');
    this.#host.onStreams();
  }

  /** A member of the thread asks; true also where there is nothing to cancel any more, and where another process decides. */
  cancel(id: string, by: Canceller): boolean | Promise<boolean> {
    const stream = this.#byId.get(id);
    if (stream?.publisher !== undefined) return stream.publisher.cancel(by);
    if (stream !== undefined) this.#replication.cancel(id, by);
    return true;
  }

  /** The sweep: whoever was not heard of for too long is taken for dead. */
  expire(now: number): void {
    for (const stream of this.#byId.values()) {
      const isOverdue = !stream.isEnding && now - stream.heardAt >= stream.timeoutMs;
      if (isOverdue && (stream.publisher !== undefined || this.#replication.isOrphaned(stream, now)))
        this.#abort(stream, 'timeout');
      this.#replication.keepAlive(stream, now);
    }
    for (const [subscription, { has, dueAt }] of this.#missed) {
      if (dueAt > now) continue;
      this.#missed.delete(subscription);
      for (const id of has.keys()) if (!this.#byId.has(id)) subscription.tellLost(id);
    }
  }

  /** The hub goes away: what was said so far is kept. */
  abortAll(reason: string): void {
    for (const stream of this.#byId.values()) {
      if (stream.publisher !== undefined && !stream.isEnding) this.#abort(stream, reason);
    }
  }

  /** The thread is gone. */
  release(): void {
    for (const { publisher } of this.#byId.values()) publisher?.onOver('closed');
    this.#byId.clear();
    this.#missed.clear();
  }

  /** Where it does not succeed, the next sweep tries again. */
  #abort(stream: StreamState, reason: string): void {
    const aborting = stream.publisher === undefined ? this.#markLost(stream) : stream.publisher.abort(reason);
    aborting.catch((error: unknown) => this.#services.report(error));
  }

  // --- the other processes that hold the thread

  /** Another process publishes it: some clients have known it before we did. */
  #onBegun(stream: StreamState): void {
    for (const [subscription, { has }] of this.#missed) {
      const at = has.get(stream.id);
      if (at !== undefined) stream.cursors.set(subscription, at);
    }
  }

  /** The thread is held from now on. */
  ask(): void {
    this.#replication.ask();
  }

  /** True where the note was about streams. */
  onNodeMessage(text: string): boolean {
    return this.#replication.onNodeMessage(text);
  }
}

const NOTHING: TextPositions = new Map();
