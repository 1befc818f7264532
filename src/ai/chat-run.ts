import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MaybePromise } from '../api/message.ts';
import type { Session } from '../api/session.ts';
import type { AnswerOutcome, AnswerTrace } from '../infra/telemetry/chat-telemetry.ts';
import type { ChatHost } from './chat-host.ts';
import type { ChunkStream } from '../api/stream.ts';
import type { Thread } from '../api/thread.ts';
import type { ChatFrame } from './chat-frames.ts';
import { assertChunk, chunksIn, isLast } from './chunk-source.ts';
import { chunkOf, fieldsOf, textIn, type ChatMessage, type UIChunk } from './chunk.ts';
import { chunksOf } from './message-chunks.ts';
import type { ChatSettings } from './options.ts';
import { SourceWatch } from './source-watch.ts';
import { uiMessageCodec } from './ui-message-codec.ts';

/**
 * How long another node waits for news of a run before it presumes the process dead, but for a third more and a second: an answer whose process was killed ends within
 * 15 s.
 */
const SILENCE_MS = 6_000;

/** How often a run whose model is silent says that it is alive. */
const ALIVE_EVERY_MS = 2_000;

/** How often the final message is tried when the log cannot be reached, or the process is too busy, and how long is waited in between. */
const END_TRIES = 5;
const END_WAIT_MS = 1_000;

/** Chunks of a source that is faster than any model, between two turns of the event loop. */
const CHUNKS_PER_TURN = 64;

/** What a client asks for, with its session. */
export interface TurnRequest {
  readonly frame: Extract<ChatFrame, { type: 'send' }>;
  readonly threadId: string;
  readonly messages: ChatMessage[];
  readonly session: Session;
  /** Of its frame. */
  readonly bytes: number;
  /** When it came, in milliseconds since 1970. */
  readonly requestedAt: number;
  /** The client's `traceparent`. */
  readonly link: string | undefined;
}

/** What all answers use. */
export interface RunServices {
  readonly settings: ChatSettings;
  readonly host: ChatHost;
}

/** One answer: reads the source of `run` into a stream of the chat's thread. It needs no viewer. */
export class ChatRun {
  readonly streamId: string;
  readonly threadId: string;
  /** Positions of the chunks that the client which asked for the turn has already: the message that the turn goes on with. */
  readonly known: readonly [from: number, to: number] | undefined;
  /** Resolves when it is over. Never rejects. */
  readonly over: Promise<void>;
  readonly #request: TurnRequest;
  readonly #thread: Thread;
  readonly #settings: ChatSettings;
  readonly #host: ChatHost;
  readonly trace: AnswerTrace;
  readonly #stream: ChunkStream<UIChunk>;
  readonly #controller = new AbortController();
  /** The message that the turn goes on with: of the assistant, after an approval or a tool that ran in the client. */
  readonly #base: ChatMessage | undefined;
  #abandonedAt = Infinity;
  readonly #watch: SourceWatch;
  readonly #beganAt: number;
  #stopTicks = (): void => {};
  #outcome: AnswerOutcome = 'failed';
  #error: unknown;
  #viewers = 0;
  #hasStarted = false;
  #hasEnded = false;

  /** @throws as `Thread.stream` */
  constructor(streamId: string, request: TurnRequest, thread: Thread, { settings, host }: RunServices) {
    this.streamId = streamId;
    this.threadId = thread.id;
    this.#request = request;
    this.#thread = thread;
    this.#settings = settings;
    this.#host = host;
    this.#beganAt = host.clock.now();
    this.#watch = new SourceWatch(host.clock, this.#controller.signal);
    const last = request.messages.at(-1);
    this.#base = last?.role === 'assistant' ? last : undefined;
    // the end of a step changes nothing, and keeps what follows from folding into the message
    const base = this.#base === undefined ? [] : [...chunksOf(this.#base), chunkOf('finish-step', {})];
    this.known = base.length === 0 ? undefined : [1, 1 + base.length];
    const { requestedAt, link } = request;
    const { id: chatId, trigger } = request.frame;
    this.trace = host.telemetry.answer({ chatId, threadId: thread.id, streamId, trigger, requestedAt, link });
    this.#stream = this.#open();
    this.#stream.signal.addEventListener('abort', () => this.stop(), { once: true });
    // the spans of the model, and of the final message, nest in that of the answer
    this.over = this.trace.within(() => this.#perform(base));
  }

  #open(): ChunkStream<UIChunk> {
    const { traceparent } = this.trace;
    try {
      return this.#thread.stream({ id: this.streamId, codec: uiMessageCodec, timeoutMs: SILENCE_MS, traceparent });
    } catch (error) {
      this.trace.end({ outcome: 'failed', durationMs: 0, chunks: 0, folds: 0, viewers: 0, error });
      throw error;
    }
  }

  /** Asks the source to stop; the answer ends soon. */
  stop(): void {
    this.#controller.abort();
  }

  async #perform(base: readonly UIChunk[]): Promise<void> {
    this.#stopTicks = this.#host.after(ALIVE_EVERY_MS, () => this.#tick());
    try {
      await this.#read(base);
    } catch (error) {
      this.#failed(error);
      await this.#fail(this.#textOf(error), base);
      this.stop();
    }
    await this.#end();
    this.#stopTicks();
    const { length: chunks, folds } = this.#stream;
    const durationMs = this.#host.clock.now() - this.#beganAt;
    this.#countViewers();
    const [outcome, viewers, error] = [this.#outcome, this.#viewers, this.#error];
    this.trace.end({ outcome, durationMs, chunks, folds, viewers, error });
  }

  #failed(error: unknown): void {
    this.#error ??= error;
    this.#host.report(error);
  }

  #textOf(error: unknown): string {
    try {
      const text: unknown = this.#settings.onError(error, { chatId: this.#request.frame.id });
      if (typeof text === 'string') return text;
    } catch (failure) {
      this.#host.report(failure);
    }
    return 'The answer failed.';
  }

  async #read(base: readonly UIChunk[]): Promise<void> {
    const { frame, messages, session } = this.#request;
    const { id: chatId, trigger, messageId, headers, metadata, body } = frame;
    const { signal } = this.#controller;
    const { threadId } = this;
    const turn = {
      chatId,
      threadId,
      messages,
      trigger,
      messageId,
      body,
      headers,
      metadata,
      session,
      signal,
    };
    const onError = (error: unknown): string => {
      this.#failed(error);
      return this.#textOf(error);
    };
    const { startTimeoutMs, chunkTimeoutMs } = this.#settings;
    const source = await this.#watch.unlessStopped(Promise.resolve(this.#settings.run(turn)), startTimeoutMs);
    if (source === undefined) return this.#finish('abort', base);
    const iterator = chunksIn(source.value, { originalMessages: messages, onError });
    for (let count = 0; ; count++) {
      const step = await this.#watch.unlessStopped(iterator.next(), chunkTimeoutMs);
      if (count === 0) this.trace.firstChunk(this.#host.clock.now() - this.#beganAt);
      if (step === undefined || step.value.done === true) break;
      assertChunk(step.value.value);
      const written = this.#write(step.value.value, base);
      // a big one is serialized first
      if (written instanceof Promise) await written;
      // a source that always has a next chunk must not hold the event loop
      if (count % CHUNKS_PER_TURN === CHUNKS_PER_TURN - 1) await nextTurn();
    }
    if (signal.aborted) void Promise.resolve(iterator.return?.()).catch(() => {});
    return this.#finish(signal.aborted ? 'abort' : 'finish', base);
  }

  #write(chunk: UIChunk, base: readonly UIChunk[]): MaybePromise<void> {
    if (!this.#hasStarted) return this.#begin(chunk, base);
    const written = this.#stream.write(chunk);
    this.#hasEnded = isLast(chunk);
    if (chunk.type === 'finish') this.#outcome = 'finished';
    else if (chunk.type === 'abort') this.#outcome = 'aborted';
    else if (chunk.type === 'error') this.#outcome = 'failed';
    return written;
  }

  async #begin(chunk: UIChunk, base: readonly UIChunk[]): Promise<void> {
    this.#hasStarted = true;
    // without the id, a replay would add a second message
    const messageId = textIn(fieldsOf(chunk)['messageId']) ?? this.#base?.id ?? this.streamId;
    const start = chunkOf('start', chunk.type === 'start' ? { ...fieldsOf(chunk), messageId } : { messageId });
    for (const [count, first] of [start, ...base].entries()) {
      await this.#stream.write(first);
      // the message that the turn goes on with may be megabytes of small parts
      if (count % CHUNKS_PER_TURN === CHUNKS_PER_TURN - 1) await nextTurn();
    }
    if (chunk.type !== 'start') await this.#write(chunk, base);
  }

  /** So that every viewer can tell a whole answer from one whose end it missed. */
  async #finish(type: 'finish' | 'abort', base: readonly UIChunk[]): Promise<void> {
    if (!this.#hasEnded) await this.#write(chunkOf(type, {}), base);
  }

  async #fail(errorText: string, base: readonly UIChunk[]): Promise<void> {
    try {
      await this.#write(chunkOf('error', { errorText }), base);
    } catch (error) {
      // the stream is full, or has been ended by another node
      this.#failed(error);
    }
  }

  async #end(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#stream.end();
        return;
      } catch (error) {
        const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
        const isWorthIt = code === 'TC_LOG_UNAVAILABLE' || code === 'TC_SERIALIZATION_TIMEOUT';
        if (!isWorthIt || tries === END_TRIES) return this.#failed(error);
      }
      await this.#host.wait(END_WAIT_MS);
    }
  }

  /** The model is silent, the process is not. Looks for viewers, too. */
  #tick(): void {
    this.#stopTicks = this.#host.after(ALIVE_EVERY_MS, () => this.#tick());
    this.#stream.keepAlive();
    this.#watch.tick();
    const now = this.#host.clock.now();
    const { abandonedTimeoutMs } = this.#settings;
    if (this.#countViewers() > 0) this.#abandonedAt = Infinity;
    else if (this.#abandonedAt === Infinity) this.#abandonedAt = now;
    if (now - this.#abandonedAt >= abandonedTimeoutMs) void this.#stopIfAbandoned();
  }

  /** Those of this process. */
  #countViewers(): number {
    const { members } = this.#thread.stats;
    this.#viewers = Math.max(this.#viewers, members);
    return members;
  }

  async #stopIfAbandoned(): Promise<void> {
    try {
      if ((await this.#thread.memberCount()) === 0) this.stop();
    } catch (error) {
      this.#host.report(error);
    }
  }
}
