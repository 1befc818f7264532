import { updatesOf } from '../../chunks/index.ts';
import type { ClientStream } from '../../client/index.ts';
import { isMessage } from '../chat-frames.ts';
import { chunkOf, fieldsOf, type ChatMessage, type UIChunk } from '../chunk.ts';
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
  for await (const { chunks, isReset } of updatesOf(stream, uiMessageCodec)) {
    if (isReset) {
      yield chunkOf('reset-step', {});
      yield* chunks.slice(stepStart(chunks, steps(given)));
      given = [...chunks];
      continue;
    }
    for (const chunk of chunks) {
      const at = given.push(chunk) - 1;
      if (at === 0 || at > known) yield chunk;
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

/** What the final message has beyond these chunks. */
function* restOf(message: ChatMessage, given: readonly UIChunk[]): Generator<UIChunk> {
  const builder = new MessageBuilder();
  for (const chunk of given) builder.add(chunk);
  const { parts } = builder.message;
  if (given.length === 0) yield chunkOf('start', { messageId: message.id });
  const from = parts.findLastIndex(({ type }) => type === 'step-start') + 1;
  yield chunkOf('reset-step', {});
  const late = message.parts.slice(0, from).filter((part, at) => JSON.stringify(part) !== JSON.stringify(parts[at]));
  yield* chunksOf({ ...message, parts: late }).filter(({ type }) => !/^tool-(input|approval)/.test(type));
  yield* chunksOf({ ...message, parts: message.parts.slice(from) });
  yield endOf(message);
}

/** The last chunk of an answer that has ended like this. */
function endOf(message: ChatMessage): UIChunk {
  const { aborted } = fieldsOf(message);
  if (aborted === undefined) return chunkOf('finish', {});
  if (aborted === 'cancelled' || aborted === 'aborted') return chunkOf('abort', {});
  return chunkOf('error', { errorText: 'The response was interrupted.' });
}
