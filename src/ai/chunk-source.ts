import { InvalidOptionError } from '../infra/errors.ts';
import type { ChatMessage, UIChunk } from './chunk.ts';

/** What is given to `toUIMessageStream` of a result of `streamText`. */
interface ResultOptions {
  readonly originalMessages: readonly ChatMessage[];
  readonly onError: (error: unknown) => string;
}

/**
 * The chunks of what `run` has returned: of an async iterable, or of a result of `streamText`.
 * @throws InvalidOptionError for anything else
 */
export function chunksIn(answer: unknown, options: ResultOptions): AsyncIterator<unknown> {
  const convert: unknown = fieldOf(answer, 'toUIMessageStream');
  const source: unknown = typeof convert === 'function' ? Reflect.apply(convert, answer, [options]) : answer;
  const iterate: unknown = fieldOf(source, Symbol.asyncIterator);
  const iterator: unknown = typeof iterate === 'function' ? Reflect.apply(iterate, source, []) : undefined;
  if (isIterator(iterator)) return iterator;
  throw new InvalidOptionError({
    option: 'run()',
    value: answer,
    expected: 'an async iterable of chunks, or a result of streamText',
  });
}

/** @throws InvalidOptionError for what is no chunk */
export function assertChunk(value: unknown): asserts value is UIChunk {
  if (typeof fieldOf(value, 'type') === 'string') return;
  throw new InvalidOptionError({ option: 'run()', value, expected: 'a chunk of a UI message stream' });
}

/** After these, nothing is missing. */
export const isLast = (chunk: unknown): boolean => {
  const type = fieldOf(chunk, 'type');
  return type === 'finish' || type === 'abort' || type === 'error';
};

const isIterator = (value: unknown): value is AsyncIterator<unknown> => typeof fieldOf(value, 'next') === 'function';

function fieldOf(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
