import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Hub } from '../api/hub.ts';
import type { FollowedStream, Peer, ProtocolSession } from '../api/protocol.ts';
import { AnswerTimeoutError } from '../infra/errors.ts';
import { chatFrameInSlices, chatFrames, chunkHead, type ChatFrame } from './chat-frames.ts';
import type { ChatRun } from './chat-run.ts';
import type { ChatRuns } from './chat-runs.ts';
import { isLast } from './chunk-source.ts';
import { chunkOf, type ChatMessage } from './chunk.ts';
import { parseInSlices } from '../infra/serialization/json-slices.ts';
import type { ChatSettings } from './options.ts';
import type { AnswerTrace } from '../infra/telemetry/chat-telemetry.ts';
import { TEXTS } from './texts.ts';
import type { TurnPlace } from './turn-claims.ts';
import { uiMessageCodec } from './ui-message-codec.ts';

/** How long a node waits for news of an answer on another one, and how often it looks. */
const NEWS_MS = 600;
const LOOK_MS = 30;

/** Bytes in which the id of a request is looked for. */
const HEAD_BYTES = 1024;

/** Headers are looked at in one go. */
const MOST_BYTES = { headers: 32 * 1024 };

/** Points of input that a KiB of a request costs: it is parsed, looked at and handed on. */
const POINTS_PER_KIB = 0.25;

/** A request that is being answered. */
interface Open {
  readonly requestId: string;
  readonly chatId: string;
  readonly threadId: string;
  /** The stream that it follows. */
  streamId: string | undefined;
  stop: (() => void) | undefined;
  isOver: boolean;
  /** Milliseconds since 1970. */
  readonly requestedAt: number;
  /** Ends the span of a viewer. */
  traced: ((outcome: string, chunks: number) => void) | undefined;
}

/** One connection of a client of the AI SDK. */
export class ChatSession implements ProtocolSession {
  readonly #peer: Peer;
  readonly #hub: Hub;
  readonly #runs: ChatRuns;
  readonly #settings: ChatSettings;
  readonly #open = new Map<string, Open>();

  constructor(peer: Peer, hub: Hub, runs: ChatRuns, settings: ChatSettings) {
    this.#peer = peer;
    this.#hub = hub;
    this.#runs = runs;
    this.#settings = settings;
  }

  async take(data: Uint8Array, isBinary: boolean): Promise<void> {
    const bytes = data.length;
    // before it is parsed, which takes more memory than its bytes
    if (!this.#runs.hold(bytes)) return this.#turnAway(data);
    let answering: Promise<void> | undefined;
    try {
      const frame = isBinary ? undefined : await this.#parse(data);
      if (frame === undefined) this.#peer.evict(4400, 'invalid frame');
      else if (frame.type === 'abort') await this.#abort(frame.requestId);
      // an abort, or another chat's request, must not wait for the application
      else answering = this.#answer(frame, bytes);
    } finally {
      if (answering === undefined) this.#runs.release(bytes);
      else this.#follows(answering, bytes);
    }
    return undefined;
  }

  #follows(answering: Promise<void>, bytes: number): void {
    answering.catch((error: unknown) => this.#peer.report(error)).finally(() => this.#runs.release(bytes));
  }

  /** Too much is being looked at. Clients write the id of their request first. */
  #turnAway(data: Uint8Array): void {
    const head = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, HEAD_BYTES)).toString();
    const [, requestId] = /"requestId":"([^"\\]{1,256})"/.exec(head) ?? [];
    if (requestId === undefined) this.#peer.evict(4429, 'busy');
    else this.#refuse(requestId, TEXTS.full);
  }

  end(): void {
    for (const request of this.#open.values()) this.#close(request);
  }

  async #parse(data: Uint8Array): Promise<ChatFrame | undefined> {
    if (!this.#peer.pay((data.length / 1024) * POINTS_PER_KIB)) return undefined;
    try {
      return await chatFrameInSlices(await parseInSlices(data, nextTurn, MOST_BYTES), nextTurn);
    } catch {
      return undefined;
    }
  }

  async #answer(frame: Exclude<ChatFrame, { type: 'abort' }>, bytes: number): Promise<void> {
    if (frame.type === 'cancel') return this.#cancelAll(frame.id);
    const { requestId, id: chatId } = frame;
    if (this.#open.has(requestId)) return this.#peer.evict(4400, 'a request id was used twice');
    if (this.#open.size >= this.#settings.maxRequestsPerConnection) return this.#refuse(requestId, TEXTS.full);
    const threadId = this.#runs.threadOf(chatId);
    if (threadId === undefined) return this.#refuse(requestId, TEXTS.failed);
    const request: Open = {
      requestId,
      chatId,
      threadId,
      streamId: undefined,
      stop: undefined,
      isOver: false,
      requestedAt: this.#runs.host.wallTime,
      traced: undefined,
    };
    this.#open.set(requestId, request);
    try {
      if (!(await this.#mayUse(chatId))) return this.#fail(request, TEXTS.forbidden);
      if (!(await this.#peer.enter(threadId))) return this.#fail(request, TEXTS.forbidden);
      if (frame.type === 'resume') return this.#resume(request, await this.#active(request));
      return await this.#send(request, frame, bytes);
    } catch (error) {
      this.#peer.report(error);
      return this.#fail(request, TEXTS.failed);
    } finally {
      // it was aborted before it had entered the thread
      if (request.isOver) this.#leaveIfUnused(threadId);
    }
  }

  async #mayUse(chatId: string): Promise<boolean> {
    return this.#runs.mayUse(this.#peer.session, chatId);
  }

  #resume(request: Open, active: FollowedStream | undefined): void {
    if (request.isOver) return undefined;
    const stream = active ?? this.#streams(request).at(-1);
    if (stream === undefined) {
      this.#peer.say(chatFrames.notActive(request.requestId));
      return this.#close(request);
    }
    this.#peer.say(chatFrames.started(request.requestId));
    return this.#follow(request, stream.id, this.#runs.traceOf(stream));
  }

  async #send(request: Open, frame: Extract<ChatFrame, { type: 'send' }>, bytes: number): Promise<void> {
    const messages = await this.#valid(frame);
    if (request.isOver) return undefined;
    if (messages === undefined) return this.#fail(request, TEXTS.invalid);
    const place = await this.#place(request);
    if (place === undefined) return request.isOver ? undefined : this.#fail(request, TEXTS.busy);
    const { threadId, requestedAt } = request;
    const { session } = this.#peer;
    const link = frame.headers['traceparent'];
    let run: ChatRun | undefined;
    try {
      const turn = { frame, threadId, messages, session, bytes, requestedAt, link };
      if (!this.#runs.isFull) run = this.#runs.start(turn, place);
    } finally {
      if (run === undefined) place.leave();
    }
    if (run === undefined) return this.#fail(request, TEXTS.full);
    return this.#follow(request, run.streamId, run.trace, run.known);
  }

  /** Undefined where another answer is in progress, or the client has gone. */
  async #place(request: Open): Promise<TurnPlace | undefined> {
    const { claims, host } = this.#runs;
    if (!claims.isShared) await this.#active(request);
    for (;;) {
      const place = await claims.take(request.threadId, () => this.#activeNow(request) !== undefined);
      if (request.isOver) place?.leave();
      else if (place !== undefined) return place;
      if (request.isOver || this.#settings.whenBusy === 'refuse') return undefined;
      await host.wait(LOOK_MS);
    }
  }

  async #valid(frame: Extract<ChatFrame, { type: 'send' }>): Promise<ChatMessage[] | undefined> {
    try {
      return await this.#runs.validate(frame.messages);
    } catch (error) {
      if (error instanceof AnswerTimeoutError) this.#peer.report(error);
      return undefined;
    }
  }

  #follow(
    request: Open,
    streamId: string,
    trace: AnswerTrace | undefined,
    known?: readonly [from: number, to: number],
  ): void {
    const { requestId } = request;
    request.streamId = streamId;
    request.traced = trace?.viewer(this.#peer.connection.id);
    const head = chunkHead(requestId);
    const follower = {
      head: (count: number) => `${head}${count},"chunk":`,
      tail: '}',
      onEnd: (how: 'over' | 'lost', { chunks, last }: { readonly chunks: number; readonly last: unknown }) => {
        request.traced?.(how, chunks);
        request.traced = undefined;
        if (how === 'lost') return this.#fail(request, TEXTS.lost);
        if (!isLast(last))
          this.#peer.say(chatFrames.chunk(requestId, chunks, chunkOf('error', { errorText: TEXTS.lost })));
        this.#peer.say(chatFrames.ended(requestId));
        return this.#close(request);
      },
    };
    request.stop = this.#peer.follow(request.threadId, streamId, follower, known);
    if (request.stop === undefined) this.#fail(request, TEXTS.lost);
  }

  /** A viewer wants no more. */
  async #abort(requestId: string): Promise<void> {
    const request = this.#open.get(requestId);
    if (request === undefined) return;
    const { streamId, threadId } = request;
    request.stop?.();
    const { onAbort } = this.#settings;
    try {
      const isLastViewer = onAbort === 'last-viewer' && streamId !== undefined && (await this.#isAlone(request));
      if (streamId !== undefined && (onAbort === 'always' || isLastViewer)) await this.#peer.cancel(threadId, streamId);
    } catch (error) {
      this.#peer.report(error);
    }
    this.#close(request);
  }

  async #isAlone(request: Open): Promise<boolean> {
    const others = [...this.#open.values()].some(
      (other) => other !== request && !other.isOver && other.threadId === request.threadId,
    );
    // this connection is one of the members
    return !others && (await this.#hub.thread(request.threadId).memberCount()) <= 1;
  }

  async #cancelAll(chatId: string): Promise<void> {
    const threadId = this.#runs.threadOf(chatId);
    if (threadId === undefined || !(await this.#mayUse(chatId)) || !(await this.#peer.enter(threadId))) return;
    for (const { id, isOver } of this.#streamsOf(threadId)) if (!isOver) await this.#peer.cancel(threadId, id);
    this.#leaveIfUnused(threadId);
  }

  /** The answer in progress. A node that has just opened the thread gives the others a moment to tell theirs. */
  async #active(request: Open): Promise<FollowedStream | undefined> {
    const { clock } = this.#runs.host;
    const until = clock.now() + (this.#peer.hasOtherNodes ? NEWS_MS : 0);
    for (;;) {
      const active = this.#activeNow(request);
      const isKnown = active !== undefined || this.#streams(request).length > 0;
      if (isKnown || request.isOver || clock.now() >= until) return active;
      await this.#runs.host.wait(LOOK_MS);
    }
  }

  #activeNow(request: Open): FollowedStream | undefined {
    return this.#streams(request).findLast(({ isOver }) => !isOver);
  }

  #streams({ threadId }: Open): readonly FollowedStream[] {
    return this.#streamsOf(threadId);
  }

  #streamsOf(threadId: string): readonly FollowedStream[] {
    return this.#peer.streams(threadId).filter(({ codec }) => codec === uiMessageCodec.name);
  }

  #fail(request: Open, text: string): void {
    this.#refuse(request.requestId, text);
    this.#close(request);
  }

  #refuse(requestId: string, text: string): void {
    this.#peer.say(chatFrames.failed(requestId, text));
  }

  #close(request: Open): void {
    request.isOver = true;
    request.traced?.('left', 0);
    request.traced = undefined;
    request.stop?.();
    this.#open.delete(request.requestId);
    this.#leaveIfUnused(request.threadId);
  }

  #leaveIfUnused(threadId: string): void {
    for (const open of this.#open.values()) if (open.threadId === threadId) return;
    this.#peer.leave(threadId);
  }
}
