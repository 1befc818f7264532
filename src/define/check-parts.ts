import type { Codec, StandardSchema, ThreadParts } from '../api/definition.ts';
import { InvalidOptionError } from '../infra/errors/base.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';

const PARTS: OptionTable<ThreadParts> = {
  message: 'any',
  publish: 'any',
  answer: 'any',
  values: 'object',
  streams: 'object',
};

const METHODS = ['fold', 'sizeOf', 'end'] as const satisfies readonly (keyof Codec)[];

/**
 * The parts, each looked at: a schema of another kind would let everything through.
 * @param pattern for the error
 * @throws InvalidOptionError
 */
export function checkParts(pattern: string, parts: ThreadParts): ThreadParts {
  const within = `defineThread('${pattern}')`;
  checkOptions<ThreadParts>(parts, PARTS, within);
  const { message, publish, answer, values = {}, streams = {} } = parts ?? {};
  assertSchema(`${within}.message`, message);
  if (publish !== undefined) assertSchema(`${within}.publish`, publish);
  if (answer !== undefined) assertSchema(`${within}.answer`, answer);
  for (const [key, schema] of Object.entries(values)) assertSchema(`${within}.values.${key}`, schema);
  for (const [name, codec] of Object.entries(streams)) assertCodec(`${within}.streams.${name}`, codec);
  return Object.freeze({ message, publish, answer, values: { ...values }, streams: { ...streams } });
}

function assertSchema(option: string, schema: unknown): asserts schema is StandardSchema {
  const standard: unknown = fieldOf(schema, '~standard');
  if (fieldOf(standard, 'version') === 1 && typeof fieldOf(standard, 'validate') === 'function') return;
  throw new InvalidOptionError({ option, value: schema, expected: 'a schema of Standard Schema 1.x' });
}

function assertCodec(option: string, codec: unknown): asserts codec is Codec {
  const isNamed = typeof fieldOf(codec, 'name') === 'string';
  if (isNamed && METHODS.every((method) => typeof fieldOf(codec, method) === 'function')) return;
  throw new InvalidOptionError({ option, value: codec, expected: `a codec with name, ${METHODS.join(', ')}` });
}

/** Some libraries make their schemas functions. */
function fieldOf(value: unknown, name: string): unknown {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject ? Reflect.get(value, name) : undefined;
}
