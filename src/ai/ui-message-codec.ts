import type { Codec } from '../api/definition.ts';
import { chunkOf, fieldsOf, textIn, type ChatMessage, type UIChunk } from './chunk.ts';
import { sizeOf } from './json-size.ts';
import { MessageBuilder } from './message-builder.ts';

/** What a small chunk counts besides its text, in bytes. */
const OVERHEAD_BYTES = 64;

/** For chunks of growing text: the field that names what grows, and the one with the text. */
const DELTAS: Readonly<Record<string, readonly [of: string, text: string]>> = {
  'text-delta': ['id', 'delta'],
  'reasoning-delta': ['id', 'delta'],
  'tool-input-delta': ['toolCallId', 'inputTextDelta'],
};

/**
 * The codec of answers of the AI SDK: chunks of a UI message stream. Neighbouring deltas of the same text, reasoning or tool input are one,
 * and so are neighbouring states of the same data part or preliminary tool result. The stream ends as one UIMessage.
 */
export const uiMessageCodec: Codec<UIChunk, ChatMessage> = {
  name: 'ui-message',
  fold(a, b) {
    if (a.type !== b.type) return undefined;
    const delta = DELTAS[a.type];
    if (delta !== undefined) return foldDelta(a, b, delta);
    if (a.type.startsWith('data-')) return foldData(a, b);
    return a.type === 'tool-output-available' ? foldPreliminary(a, b) : undefined;
  },
  sizeOf(chunk) {
    const delta = DELTAS[chunk.type];
    const text = delta && textIn(fieldsOf(chunk)[delta[1]]);
    return OVERHEAD_BYTES + (text?.length ?? sizeOf(chunk));
  },
  isTransient: (chunk) => chunk.type.startsWith('data-') && fieldsOf(chunk)['transient'] === true,
  // a tool's result finds its call wherever it comes, but not after the message, or after its step has begun anew
  order(chunk) {
    const { type } = chunk;
    if (type === 'tool-output-available') return fieldsOf(chunk)['preliminary'] === true ? undefined : 'late';
    return type === 'finish' || type === 'abort' || type === 'error' || type === 'reset-step' ? 'last' : undefined;
  },
  end(chunks) {
    const builder = new MessageBuilder();
    for (const chunk of chunks) builder.add(chunk);
    return builder.message;
  },
};

function foldDelta(a: UIChunk, b: UIChunk, [of, text]: readonly [of: string, text: string]): UIChunk | undefined {
  const [first, second] = [fieldsOf(a), fieldsOf(b)];
  const [start, rest] = [textIn(first[text]), textIn(second[text])];
  if (first[of] !== second[of] || start === undefined || rest === undefined) return undefined;
  // of other fields, the newest value counts
  return chunkOf(a.type, { ...first, ...defined(second), [text]: start + rest });
}

/** A data part with an id has one place in the message, and its newest data there. */
function foldData(a: UIChunk, b: UIChunk): UIChunk | undefined {
  const [first, second] = [fieldsOf(a), fieldsOf(b)];
  const isOne = typeof first['id'] === 'string' && first['id'] === second['id'];
  return isOne ? chunkOf(a.type, { ...first, data: second['data'] }) : undefined;
}

/** A tool's result replaces a preliminary one of the same call. */
function foldPreliminary(a: UIChunk, b: UIChunk): UIChunk | undefined {
  const [first, second] = [fieldsOf(a), fieldsOf(b)];
  if (first['preliminary'] !== true || first['toolCallId'] !== second['toolCallId']) return undefined;
  const { preliminary, output } = second;
  return chunkOf(a.type, { ...first, ...defined(second), preliminary, output });
}

const defined = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
