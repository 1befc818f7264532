import type { MaybePromise } from '../../api/message.ts';
import type { Session } from '../../api/session.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { checkCount, checkNumber, TIMER_RANGE } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import type { ChatMessage, Fields } from '../chunk.ts';
import type { AgUiEvent } from './ag-ui-codec.ts';
import type { RunProcessor } from './conversation.ts';
import type { RunResume } from './run-request.ts';

/** One run, as `run` gets it: what `chat` of TanStack AI takes, besides `session`. */
export interface RunTurn<Message extends ChatMessage = ChatMessage, S extends Session = Session> {
  readonly threadId: string;
  readonly runId: string;
  readonly parentRunId?: string;
  /** The conversation: what the log has, and the client's message, which is not to be trusted. */
  readonly messages: Message[];
  /** Tools that the client declares: JSON of the client, not checked. */
  readonly tools: readonly unknown[];
  /** Answers to interrupts, to approvals for example. */
  readonly resume?: RunResume[];
  /** The application's data in the request. */
  readonly forwardedProps: Fields;
  readonly session: S;
  /** Aborted when the run is to stop: pass it to the model. */
  readonly abortController: AbortController;
}

/**
 * `processor`, `run` and `onError` have no default.
 * @typeParam Chunk `StreamChunk` of npm `@tanstack/ai`
 * @typeParam Message `UIMessage` of it
 * @typeParam S what `authenticate` finds out
 */
export interface ServeRunsOptions<
  Chunk extends AgUiEvent = AgUiEvent,
  Message extends ChatMessage = ChatMessage,
  S extends Session = Session,
> {
  /** A new `StreamProcessor` of TanStack AI: it makes the conversation of the log's events. */
  processor(this: void): RunProcessor<Chunk, Message>;
  /** Makes one run: returns what `chat` of TanStack AI gives, or any async iterable of AG-UI events. What it throws ends the run with RUN_ERROR; see `onError`. */
  run(this: void, turn: RunTurn<Message, S>): MaybePromise<AsyncIterable<Chunk>>;
  /** Whether the client may ask for runs in this thread. @default refuses all */
  authorize?(this: void, session: S, threadId: string): MaybePromise<boolean>;
  /** A failure of `run`, also that it had no answer in time (`TC_ANSWER_TIMEOUT`): report it, and return the text for the viewers. */
  onError(this: void, error: unknown, run: { readonly threadId: string; readonly runId: string }): string;
  /** `run` has so long to return its source, in milliseconds; then the run fails, see `onError`. @default 60000 (1 min) */
  startTimeoutMs?: number;
  /** A source has so long from one event to the next one, for example while a tool is at work, in milliseconds; then the run fails. @default 600000 (10 min) */
  chunkTimeoutMs?: number;
  /** Runs in progress in this process; more are refused. @default 1000 */
  maxRuns?: number;
}

const OPTIONS: OptionTable<ServeRunsOptions> = {
  processor: 'function',
  run: 'function',
  authorize: 'function',
  onError: 'function',
  startTimeoutMs: 'number',
  chunkTimeoutMs: 'number',
  maxRuns: 'number',
};

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveRuns<Chunk extends AgUiEvent, Message extends ChatMessage, S extends Session>(
  options: ServeRunsOptions<Chunk, Message, S>,
): Required<ServeRunsOptions<Chunk, Message, S>> {
  checkOptions<ServeRunsOptions>(options, OPTIONS);
  for (const option of ['processor', 'run', 'onError'] as const)
    if (typeof options?.[option] !== 'function')
      throw new InvalidOptionError({ option, value: options?.[option], expected: 'a function' });
  return {
    processor: options.processor,
    run: options.run,
    authorize: options.authorize ?? (() => false),
    onError: options.onError,
    startTimeoutMs: checkNumber('startTimeoutMs', options.startTimeoutMs, 60_000, TIMER_RANGE),
    chunkTimeoutMs: checkNumber('chunkTimeoutMs', options.chunkTimeoutMs, 600_000, TIMER_RANGE),
    maxRuns: checkCount('maxRuns', options.maxRuns, 1_000, { min: 1 }),
  };
}
