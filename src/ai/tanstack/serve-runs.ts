import { setImmediate as nextTurn } from 'node:timers/promises';
import { doorOf } from '../../actors/gateway/hub-door.ts';
import { answer } from '../../api/answer.ts';
import type { Clock } from '../../api/clock.ts';
import type { PublishAnswer, PublishedMessage } from '../../api/connection.ts';
import type { Hub } from '../../api/hub.ts';
import { Refusal } from '../../api/refusal.ts';
import type { Session } from '../../api/session.ts';
import { UnknownMessageError } from '../../infra/errors.ts';
import { after } from '../../infra/time/after.ts';
import { systemClock } from '../../infra/time/clock.ts';
import { IN_PARTS_ABOVE_BYTES } from '../../infra/wire/part-frames.ts';
import { fieldsOf, textIn, type ChatMessage } from '../chunk.ts';
import { SourceWatch } from '../source-watch.ts';
import { TEXTS } from '../texts.ts';
import { TurnClaims, type TurnPlace } from '../turn-claims.ts';
import { agUiCodec, event, type AgUiEvent } from './ag-ui-codec.ts';
import { Conversation, type RunEntry } from './conversation.ts';
import { resolveRuns, type RunTurn, type ServeRunsOptions } from './run-options.ts';
import { runRequest, type RunRequest } from './run-request.ts';

/** Messages of a conversation that a run gets: one page of the history, which ends at 4 MiB as well. */
const MOST_MESSAGES = 1_000;

/** Entries of a conversation between two turns of the event loop. */
const ENTRIES_PER_TURN = 16;

/** Events of a source that is faster than any model, between two turns of the event loop. */
const EVENTS_PER_TURN = 64;

/** As for answers of `serveChat`: other nodes presume a process dead that is silent for so long. */
const SILENCE_MS = 6_000;
const ALIVE_EVERY_MS = 2_000;

/**
 * What `serveRuns` gives.
 * @typeParam S what `authenticate` of the connections finds out
 */
export interface RunServer<S extends Session = Session> {
  /** Runs of this process that are in progress. */
  readonly runs: number;
  /** For `onPublish` of `hub.attach`. Undefined for a message that asks for no run. */
  onPublish(this: void, session: S, message: PublishedMessage): Promise<PublishAnswer> | undefined;
}

/**
 * Serves chats of TanStack AI, whose clients have `tanstackConnection` of `threadcast/ai/tanstack`: runs become streams of the chat's thread,
 * which viewers on any node follow and resume, and end in its log. A client sends its new message alone; a run gets those before it from the log.
 *
 * ```ts
 * const hub = createHub({ streams: { codecs: [agUiCodec] } });
 * const runs = serveRuns<StreamChunk, UIMessage>(hub, {
 *   processor: () => new StreamProcessor(),
 *   authorize,
 *   run: ({ messages, ...turn }) => chat({ adapter, messages, ...turn }),
 *   onError: (error) => (console.error(error), 'The run failed.'),
 * });
 * hub.attach(server, { path: '/ws', authorize, onPublish: (session, message) => runs.onPublish(session, message) ?? false });
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveRuns<Chunk extends AgUiEvent, Message extends ChatMessage, S extends Session = Session>(
  hub: Hub,
  options: ServeRunsOptions<Chunk, Message, S>,
): RunServer<S> {
  const runs = new Runs(hub, resolveRuns(options));
  return {
    get runs() {
      return runs.size;
    },
    onPublish: (session, message) => runs.take(session, message),
  };
}

class Runs<Chunk extends AgUiEvent, Message extends ChatMessage, S extends Session> {
  size = 0;
  readonly #hub: Hub;
  readonly #options: Required<ServeRunsOptions<Chunk, Message, S>>;
  readonly #claims: TurnClaims;
  readonly #door: ReturnType<typeof doorOf>;
  readonly #clock: Clock;
  /** Runs that are about to begin. */
  #beginning = 0;

  constructor(hub: Hub, options: Required<ServeRunsOptions<Chunk, Message, S>>) {
    this.#hub = hub;
    this.#options = options;
    this.#door = doorOf(hub);
    this.#clock = this.#door?.context.clock ?? systemClock;
    this.#claims = new TurnClaims(hub, agUiCodec.name);
  }

  take(session: S, { threadId, data }: PublishedMessage): Promise<PublishAnswer> | undefined {
    if (typeof data !== 'object' || data === null || fieldsOf(data)['type'] !== 'run') return undefined;
    const request = runRequest(data);
    return request === undefined
      ? Promise.resolve(new Refusal(403, TEXTS.invalid))
      : this.#take(session, threadId, request);
  }

  async #take(session: S, threadId: string, request: RunRequest): Promise<PublishAnswer> {
    const allowed: unknown = await this.#options.authorize(session, threadId);
    if (allowed !== true) return new Refusal(403, TEXTS.forbidden);
    if (this.size + this.#beginning >= this.#options.maxRuns) return new Refusal(503, TEXTS.full);
    this.#beginning++;
    let place: TurnPlace | undefined;
    let hasBegun = false;
    try {
      // of two requests at the same moment, one begins
      place = await this.#claims.take(threadId, () => this.#isBusy(threadId));
      if (place === undefined) return new Refusal(429, TEXTS.busy);
      const entries = await this.#read(threadId);
      const messages = await this.#accept(threadId, entries, request);
      if (messages === undefined) return new Refusal(403, TEXTS.invalid);
      this.#begin(threadId, request, { messages, session, place });
      hasBegun = true;
      return answer({ runId: request.runId });
    } finally {
      this.#beginning--;
      if (!hasBegun) place?.leave();
    }
  }

  async #read(threadId: string): Promise<RunEntry[]> {
    const { messages } = await this.#hub.thread(threadId).history({ limit: MOST_MESSAGES });
    const entries: RunEntry[] = [];
    for (const entry of messages) {
      const data: unknown = entry.bytes === undefined ? entry.data : await entry.json();
      entries.push({ id: entry.id, data });
    }
    return entries;
  }

  /** Logs what is new, removes what is answered anew, and gives the conversation; undefined for a message that does not follow. */
  async #accept(
    threadId: string,
    entries: readonly RunEntry[],
    { runId, message }: RunRequest,
  ): Promise<Message[] | undefined> {
    if (entries.some(({ id }) => id === runId)) return undefined;
    const at = entries.findIndex(({ data }) => textIn(fieldsOf(Object(data))['id']) === message.id);
    const isAgain = message.role === 'user' && at >= 0;
    const conversation = new Conversation(this.#options.processor());
    for (const [index, entry] of (isAgain ? entries.slice(0, at + 1) : entries).entries()) {
      conversation.add(entry);
      if (index % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await nextTurn();
    }
    // after an approval, or a tool that ran in the client, the last answer has the client's version
    if (message.role === 'assistant' && conversation.messages.at(-1)?.id !== message.id) return undefined;
    const thread = this.#hub.thread(threadId);
    for (const { id } of isAgain ? entries.slice(at + 1) : []) {
      try {
        await thread.remove(id);
      } catch (error) {
        // it is of the application's own history, or was removed meanwhile
        if (!(error instanceof UnknownMessageError)) throw error;
      }
    }
    if (!isAgain) {
      await thread.send(message);
      conversation.add({ id: message.id, data: message });
    }
    return conversation.messages;
  }

  /** The run keeps its place to its end. */
  #begin(
    threadId: string,
    request: RunRequest,
    { messages, session, place }: { readonly messages: Message[]; readonly session: S; readonly place: TurnPlace },
  ): void {
    const { runId, parentRunId, tools, resume, forwardedProps } = request;
    const stream = this.#hub.thread(threadId).stream({ id: runId, codec: agUiCodec, timeoutMs: SILENCE_MS });
    const abortController = new AbortController();
    stream.signal.addEventListener('abort', () => abortController.abort(), { once: true });
    const turn: RunTurn<Message, S> = {
      threadId,
      runId,
      messages,
      tools,
      forwardedProps,
      session,
      abortController,
      ...(parentRunId !== undefined && { parentRunId }),
      ...(resume !== undefined && { resume }),
    };
    this.size++;
    const watch = new SourceWatch(this.#clock, abortController.signal);
    const tick = (): void => {
      stopTicks = after(this.#clock, ALIVE_EVERY_MS, tick);
      stream.keepAlive();
      watch.tick();
    };
    let stopTicks = after(this.#clock, ALIVE_EVERY_MS, tick);
    const over = (): void => {
      this.size--;
      stopTicks();
      place.leave();
    };
    // its source never throws: what is left is a run that is too long, or a log that cannot be reached
    stream.pipe(this.#events(turn, watch)).then(over, (error: unknown) => {
      over();
      abortController.abort();
      this.#door?.context.report(error);
    });
  }

  async *#events(turn: RunTurn<Message, S>, watch: SourceWatch): AsyncGenerator<AgUiEvent> {
    const { threadId, runId, abortController } = turn;
    const { run, startTimeoutMs, chunkTimeoutMs } = this.#options;
    let iterator: AsyncIterator<AgUiEvent> | undefined;
    try {
      const source = await watch.unlessStopped(Promise.resolve(run(turn)), startTimeoutMs);
      iterator = source?.value[Symbol.asyncIterator]();
      for (let count = 1; iterator !== undefined; count++) {
        const step = await watch.unlessStopped(iterator.next(), chunkTimeoutMs);
        if (step === undefined) break;
        if (step.value.done === true) iterator = undefined;
        else if (!isBigSnapshot(step.value.value)) yield step.value.value;
        // a source that always has a next event must not hold the event loop
        if (count % EVENTS_PER_TURN === 0) await nextTurn();
      }
    } catch (error) {
      // a model that was stopped says so by throwing
      if (abortController.signal.aborted) return;
      yield event('RUN_ERROR', { threadId, runId, message: this.#textOf(error, turn) });
      abortController.abort();
    } finally {
      // it may be waiting: then it ends with what it waits for
      (async () => iterator?.return?.())().catch(() => {});
    }
  }

  #textOf(error: unknown, { threadId, runId }: RunTurn<Message, S>): string {
    try {
      const text: unknown = this.#options.onError(error, { threadId, runId });
      if (typeof text === 'string') return text;
    } catch {
      // the application's own handler has failed
    }
    return 'The run failed.';
  }

  #isBusy(threadId: string): boolean {
    return this.#hub
      .thread(threadId)
      .streams()
      .some(({ codec }) => codec === agUiCodec.name);
  }
}

/**
 * `chat` of TanStack AI repeats the whole conversation before an approval. Viewers and the log have it: a big one would only hold the approval up.
 */
const isBigSnapshot = (chunk: AgUiEvent): boolean =>
  chunk.type === 'MESSAGES_SNAPSHOT' && agUiCodec.sizeOf(chunk) > IN_PARTS_ABOVE_BYTES;
