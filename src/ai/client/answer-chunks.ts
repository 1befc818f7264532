import { updatesOf } from '../../chunks/index.ts';
import type { ClientStream } from '../../client/index.ts';
import { isMessage } from '../chat-frames.ts';
import { chunkOf, fieldsOf, type ChatMessage, type UIChunk, type UIPart } from '../chunk.ts';
import { MessageBuilder } from '../message-builder.ts';
import { chunksOf } from '../message-chunks.ts';
import { uiMessageCodec } from '../ui-message-codec.ts';

/** The stream will not end, and its message will not come. */
export class AnswerLostError extends Error {
  override readonly name = 'AnswerLostError';
}

const isLast = ({ type }: UIChunk): boolean => type === 'finish' || type === 'abort' || type === 'error';

/**
 * The chunks of an answer for `useChat`, whatever happens to the connection. Where the server begins anew, or the answer has ended meanwhile,
 * `reset-step` drops the parts of the step in progress, and the chunks of this step follow once more. A step before it has not changed.
 *
 * @param known chunks after `start` that the reader has: the message that the turn goes on with
 * @param final its message, where it has ended before it was followed
 * @throws AnswerLostError
 */
export async function* answerChunks(
  stream: ClientStream,
  known: number,
  final: () => ChatMessage | undefined,
): AsyncGenerator<UIChunk> {
  let given: UIChunk[] = [];
  let left = known;
  for await (const { chunks, isReset, late } of updatesOf(stream, uiMessageCodec)) {
    if (isReset) {
      const from = stepStart(chunks, steps(given));
      yield chunkOf('reset-step', {});
      yield* chunks.slice(from);
      yield* lateResults(chunks.slice(0, from), given);
      given = [...chunks];
      continue;
    }
    // of what the reader has, a big result comes later
    left -= late.filter((at) => at <= known).length;
    for (const chunk of chunks) {
      const at = given.push(chunk) - 1;
      if (at === 0 || at > left) yield chunk;
    }
  }
  if (given.some(isLast)) return;
  const ended = await stream.done;
  const message = isMessage(ended?.data) ? ended.data : final();
  if (message === undefined) throw new AnswerLostError('The answer is not available any more.');
  yield* restOf(message, given);
}

const steps = (chunks: readonly UIChunk[]): number => chunks.filter(({ type }) => type === 'start-step').length;

/** Index after the start of this step, counted from 1; after `start` for 0. */
function stepStart(chunks: readonly UIChunk[], step: number): number {
  let left = step;
  for (const [index, { type }] of chunks.entries()) if (type === 'start-step' && --left === 0) return index + 1;
  return step === 0 && chunks[0]?.type === 'start' ? 1 : 0;
}

/** Results of tools that the reader has not been given: chunks of later steps have passed them. */
function lateResults(chunks: readonly UIChunk[], given: readonly UIChunk[]): readonly UIChunk[] {
  const idOf = (chunk: UIChunk): unknown => fieldsOf(chunk)['toolCallId'];
  const results = new Set(given.filter(isResult).map(idOf));
  return chunks.filter((chunk) => isResult(chunk) && !results.has(idOf(chunk)));
}

const isResult = ({ type }: UIChunk): boolean => type === 'tool-output-available';

/** What the final message has beyond these chunks. */
function* restOf(message: ChatMessage, given: readonly UIChunk[]): Generator<UIChunk> {
  const builder = new MessageBuilder();
  for (const chunk of given) builder.add(chunk);
  const { parts } = builder.message;
  if (given.length === 0) yield chunkOf('start', { messageId: message.id });
  const differing = message.parts.filter((part, at) => JSON.stringify(part) !== JSON.stringify(parts[at]));
  // a reader may have answered an approval of this step meanwhile
  if (parts.length === message.parts.length && differing.every((part) => isResultOf(part, parts))) {
    yield* chunksOf({ ...message, parts: differing }).filter(isResult);
    yield endOf(message);
    return;
  }
  const from = parts.findLastIndex(({ type }) => type === 'step-start') + 1;
  yield chunkOf('reset-step', {});
  const late = message.parts.slice(0, from).filter((part, at) => JSON.stringify(part) !== JSON.stringify(parts[at]));
  yield* chunksOf({ ...message, parts: late }).filter(({ type }) => !/^tool-(input|approval)/.test(type));
  yield* chunksOf({ ...message, parts: message.parts.slice(from) });
  yield endOf(message);
}

/** The part only adds a result to the same call. */
function isResultOf(part: UIPart, parts: readonly UIPart[]): boolean {
  const { toolCallId, state } = fieldsOf(part);
  return state === 'output-available' && parts.some((other) => fieldsOf(other)['toolCallId'] === toolCallId);
}

/** The last chunk of an answer that has ended like this. */
function endOf(message: ChatMessage): UIChunk {
  const { aborted } = fieldsOf(message);
  if (aborted === undefined) return chunkOf('finish', {});
  if (aborted === 'cancelled' || aborted === 'aborted') return chunkOf('abort', {});
  return chunkOf('error', { errorText: 'The response was interrupted.' });
}
