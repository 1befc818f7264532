import { setTimeout as wait } from 'node:timers/promises';
import { chat, EventType, toolDefinition, type StreamChunk, type UIMessage } from '@tanstack/ai';
import { BaseTextAdapter } from '@tanstack/ai/adapters';
import type { RunTurn } from '../../src/ai/index.ts';

type Options = Parameters<BaseTextAdapter<'words', object, readonly ['text'], never>['chatStream']>[0];

/** A model that thinks, calls a tool, and answers when it has the result. */
class Words extends BaseTextAdapter<'words', object, readonly ['text'], never> {
  readonly name = 'words';
  readonly #paceMs: number;

  constructor(paceMs: number) {
    super({}, 'words');
    this.#paceMs = paceMs;
  }

  async *chatStream({ messages, runId = '', threadId = '' }: Options): AsyncGenerator<StreamChunk> {
    const messageId = this.generateId();
    const isAnswer = messages.at(-1)?.role === 'tool';
    yield { type: EventType.RUN_STARTED, runId, threadId };
    for (const chunk of isAnswer ? answered(messageId) : asked(messageId)) {
      yield chunk;
      await wait(this.#paceMs);
    }
    const finishReason = isAnswer ? 'stop' : 'tool_calls';
    yield { type: EventType.RUN_FINISHED, runId, threadId, metadata: { tanstack: { finishReason } } };
  }

  structuredOutput(): Promise<never> {
    return Promise.reject(new Error('not here'));
  }
}

function* asked(messageId: string): Generator<StreamChunk> {
  yield { type: EventType.REASONING_MESSAGE_START, messageId: `${messageId}-r`, role: 'reasoning' };
  for (const delta of ['I ', 'have ', 'to ', 'ask.'])
    yield { type: EventType.REASONING_MESSAGE_CONTENT, messageId: `${messageId}-r`, delta };
  yield { type: EventType.REASONING_MESSAGE_END, messageId: `${messageId}-r` };
  yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
  for (const delta of ['Let ', 'me ', 'see.']) yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta };
  yield { type: EventType.TEXT_MESSAGE_END, messageId };
  const toolCallId = `call-${messageId}`;
  yield { type: EventType.TOOL_CALL_START, toolCallId, toolCallName: 'weather', parentMessageId: messageId };
  for (const delta of ['{"pla', 'ce":', '"Oslo"}']) yield { type: EventType.TOOL_CALL_ARGS, toolCallId, delta };
  yield { type: EventType.TOOL_CALL_END, toolCallId };
}

function* answered(messageId: string): Generator<StreamChunk> {
  yield { type: EventType.TEXT_MESSAGE_START, messageId, role: 'assistant' };
  for (let n = 0; n < 20; n++) yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: `${n} degrees, ` };
  yield { type: EventType.TEXT_MESSAGE_END, messageId };
}

const weather = toolDefinition({ name: 'weather', description: 'The weather of a place' }).server(() => ({
  degrees: 4,
}));

/** `run` of a server whose model this is. */
export const scripted =
  (paceMs = 1) =>
  ({ messages, threadId, runId, abortController }: RunTurn<UIMessage>): AsyncIterable<StreamChunk> =>
    chat({ adapter: new Words(paceMs), messages, threadId, runId, abortController, tools: [weather] });
