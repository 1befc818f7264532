import { asError, InvalidOptionError } from '../../infra/errors.ts';

/** What one piece of a source means for the stream: text, possibly empty, or that the model was stopped. */
export type SourcePiece = string | typeof ABORTED;

/** No text is equal to it. */
export const ABORTED = Symbol('aborted');

/** The fields in which the AI SDK versions keep the text of a `text-delta`. */
const TEXT_FIELDS = ['text', 'delta', 'textDelta'] as const;

/**
 * Reads a text, or a part of a model's stream: `fullStream` of the AI SDK, in which a failure is a part. Parts without text, such as
 * reasoning or tool calls, only show that the model is alive.
 * @throws the error that an `error` part carries; InvalidOptionError for a value that is neither text nor a part
 */
export function readPiece(piece: unknown): SourcePiece {
  if (typeof piece === 'string') return piece;
  const type = fieldOf(piece, 'type');
  if (typeof type !== 'string') {
    throw new InvalidOptionError({ option: 'text', value: piece, expected: 'a text, or a part with a type' });
  }
  if (type === 'error') throw asError(fieldOf(piece, 'error') ?? 'the model failed');
  if (type === 'finish' && fieldOf(piece, 'finishReason') === 'error')
    throw new Error('the model finished with an error');
  if (type === 'abort') return ABORTED;
  if (type !== 'text-delta') return '';
  const text = TEXT_FIELDS.map((name) => fieldOf(piece, name)).find((value) => typeof value === 'string');
  if (typeof text === 'string') return text;
  throw new InvalidOptionError({ option: 'text', value: piece, expected: 'a text-delta with a text' });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
