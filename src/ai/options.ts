import type { AttachOptions } from '../api/attach.ts';
import type { MaybePromise } from '../api/message.ts';
import type { Session } from '../api/session.ts';
import { checkChoice, checkCount, checkNumber, TIMER_RANGE } from '../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import { InvalidOptionError } from '../infra/errors.ts';
import type { ChatMessage, UIChunk } from './chunk.ts';

/** One turn of a chat, as `run` gets it. */
export interface ChatTurn<Message extends ChatMessage = ChatMessage, S extends Session = Session> {
  readonly chatId: string;
  /** The thread of the chat. */
  readonly threadId: string;
  /** As the client sent them, with the look at their form that `validateMessages` has taken: they are not to be trusted. */
  readonly messages: Message[];
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** The message to be answered anew, or edited. */
  readonly messageId: string | undefined;
  /** The application's data in the request. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Of the request frame, with lower-case names: not those of the handshake. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: unknown;
  readonly session: S;
  /** Aborted when the answer is to stop: pass it to the model. */
  readonly signal: AbortSignal;
}

/** A UI message stream: an async iterable, or a `ReadableStream`. */
export type ChunkSource = AsyncIterable<UIChunk> | { getReader(): object };

/** What `streamText` gives. */
export interface StreamResult {
  toUIMessageStream(options?: never): ChunkSource;
}

/** What `run` returns. */
export type ChatAnswer = MaybePromise<ChunkSource | StreamResult>;

/**
 * Everything but `run` has a default. Times are in milliseconds, sizes in bytes.
 * @typeParam Message `UIMessage` of npm `ai`, or the application's own type
 * @typeParam S what `authenticate` finds out
 */
export interface ServeChatOptions<Message extends ChatMessage = ChatMessage, S extends Session = Session> extends Pick<
  AttachOptions<S>,
  | 'path'
  | 'authenticate'
  | 'authenticateTimeoutMs'
  | 'maxPendingHandshakes'
  | 'allowedOrigins'
  | 'clientAddress'
  | 'compress'
> {
  /** Whether the client may use this chat: read its answers, ask for new ones and stop them. @default refuses all */
  authorize?(this: void, session: S, chatId: string): MaybePromise<boolean>;
  /**
   * Answers one turn. An error that it throws, or that its stream throws, ends the answer with an `error` chunk and is reported; see `onError`.
   *
   * ```ts
   * run: async ({ messages, signal }) =>
   *   streamText({ model, messages: await convertToModelMessages(messages), abortSignal: signal }),
   * ```
   */
  run(this: void, turn: ChatTurn<Message, S>): ChatAnswer;
  /** Checks the messages of a request, as `validateUIMessages` of npm `ai` does: see `validateEach`. An error refuses the request. @default looks at ids, roles and types of parts */
  validateMessages?(this: void, messages: readonly ChatMessage[]): MaybePromise<Message[]>;
  /** The thread of a chat. Answers become messages of its log. An error that it throws is reported, and refuses the request. @default `chat:<chatId>` */
  threadOf?(this: void, chatId: string): string;
  /** A failure of `run`, before it becomes an `error` event of the hub. Returns the text for the viewers. @default 'The answer failed.' */
  onError?(this: void, error: unknown, turn: { readonly chatId: string }): string;
  /**
   * A request for a chat whose answer is in progress is refused, or waits for its end. What `onPublish` of the chat server gets is always refused.
   * @default 'refuse'
   */
  whenBusy?: 'refuse' | 'queue' | undefined;
  /**
   * What `stop()` of a viewer does (an `abort` frame): `last-viewer` stops the answer if no other viewer follows it; `always`; or `never`.
   * @default 'last-viewer'
   */
  onAbort?: 'last-viewer' | 'always' | 'never' | undefined;
  /** An answer without any viewer is stopped after this time. @default Infinity: it goes on */
  abandonedTimeoutMs?: number | undefined;
  /** `authorize` and `validateMessages` have so long to answer. After that, the request is refused, with an `error` event. @default 30000 (30 s) */
  answerTimeoutMs?: number | undefined;
  /** `run` has so long to return its source; then the answer fails. @default 60000 (1 min) */
  startTimeoutMs?: number | undefined;
  /** A source has so long from one chunk to the next one, for example while a tool is at work; then the answer fails. @default 600000 (10 min) */
  chunkTimeoutMs?: number | undefined;
  /** Largest request of a client, which has the whole history. @default 4194304 (4 MiB) */
  maxRequestBytes?: number | undefined;
  /** Bytes of requests that are looked at, wait, or are being answered, in this process; more are refused. @default 134217728 (128 MiB) */
  maxTotalRequestBytes?: number | undefined;
  /** Requests of one connection that are in progress. @default 64 */
  maxRequestsPerConnection?: number | undefined;
  /** Answers in progress in this process. @default 1000 */
  maxRuns?: number | undefined;
}

/** With every default filled in. */
export interface ChatSettings {
  readonly run: (turn: ChatTurn) => ChatAnswer;
  readonly authorize: (session: Session, chatId: string) => MaybePromise<boolean>;
  readonly validateMessages: (messages: readonly ChatMessage[]) => MaybePromise<ChatMessage[]>;
  readonly threadOf: (chatId: string) => string;
  readonly onError: (error: unknown, turn: { readonly chatId: string }) => string;
  readonly whenBusy: 'refuse' | 'queue';
  readonly onAbort: 'last-viewer' | 'always' | 'never';
  readonly abandonedTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly chunkTimeoutMs: number;
  readonly maxRequestBytes: number;
  readonly maxTotalRequestBytes: number;
  readonly maxRequestsPerConnection: number;
  readonly maxRuns: number;
}

/** The largest request that can be allowed: a text of this size takes a fifth of a second to read, in slices. */
const MOST_REQUEST_BYTES = 64 * 1024 * 1024;

const OPTIONS: OptionTable<ServeChatOptions> = {
  path: 'text',
  authenticate: 'function',
  authenticateTimeoutMs: 'number',
  maxPendingHandshakes: 'number',
  allowedOrigins: 'any',
  clientAddress: 'any',
  compress: 'boolean',
  authorize: 'function',
  run: 'function',
  validateMessages: 'function',
  threadOf: 'function',
  onError: 'function',
  whenBusy: 'text',
  onAbort: 'text',
  abandonedTimeoutMs: 'number',
  answerTimeoutMs: 'number',
  startTimeoutMs: 'number',
  chunkTimeoutMs: 'number',
  maxRequestBytes: 'number',
  maxTotalRequestBytes: 'number',
  maxRequestsPerConnection: 'number',
  maxRuns: 'number',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveChat(options: ServeChatOptions): ChatSettings {
  checkOptions<ServeChatOptions>(options, OPTIONS);
  if (typeof options?.run !== 'function')
    throw new InvalidOptionError({ option: 'run', value: options?.run, expected: 'a function' });
  return {
    run: options.run,
    authorize: options.authorize ?? (() => false),
    validateMessages: options.validateMessages ?? ((messages) => [...messages]),
    threadOf: options.threadOf ?? ((chatId) => `chat:${chatId}`),
    onError: options.onError ?? (() => 'The answer failed.'),
    whenBusy: checkChoice('whenBusy', options.whenBusy, 'refuse', ['refuse', 'queue']),
    onAbort: checkChoice('onAbort', options.onAbort, 'last-viewer', ['last-viewer', 'always', 'never']),
    abandonedTimeoutMs: checkNumber('abandonedTimeoutMs', options.abandonedTimeoutMs, Infinity, { min: 0 }),
    answerTimeoutMs: checkNumber('answerTimeoutMs', options.answerTimeoutMs, 30_000, TIMER_RANGE),
    startTimeoutMs: checkNumber('startTimeoutMs', options.startTimeoutMs, 60_000, TIMER_RANGE),
    chunkTimeoutMs: checkNumber('chunkTimeoutMs', options.chunkTimeoutMs, 600_000, TIMER_RANGE),
    maxRequestBytes: checkCount('maxRequestBytes', options.maxRequestBytes, 4 * 1024 * 1024, {
      min: 1,
      max: MOST_REQUEST_BYTES,
    }),
    maxTotalRequestBytes: checkCount('maxTotalRequestBytes', options.maxTotalRequestBytes, 128 * 1024 * 1024, {
      min: 1,
    }),
    maxRequestsPerConnection: checkCount('maxRequestsPerConnection', options.maxRequestsPerConnection, 64, { min: 1 }),
    maxRuns: checkCount('maxRuns', options.maxRuns, 1_000, { min: 1 }),
  };
}
