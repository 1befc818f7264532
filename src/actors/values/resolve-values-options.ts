import { asError, InvalidOptionError, UnserializableMessageError, ValueLimitError } from '../../infra/errors.ts';
import { checkCount, checkNumber, TIMER_RANGE, type Filled } from '../../infra/option-checks.ts';
import type { ValueOptions } from '../../api/values.ts';

/** A larger frame of values would be more than one fragment in a few sockets' buffers. */
const MOST_BYTES = 1024 * 1024;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveValues(options: ValueOptions = {}): Filled<ValueOptions> {
  const maxBytes = checkCount('values.maxBytes', options.maxBytes, 64 * 1024, { min: 1, max: MOST_BYTES });
  return {
    maxKeys: checkCount('values.maxKeys', options.maxKeys, 1_000, { min: 1, max: 100_000 }),
    maxValueBytes: checkCount('values.maxValueBytes', options.maxValueBytes, 4_096, { min: 1, max: MOST_BYTES }),
    maxBytes,
    maxPerSecond: checkNumber('values.maxPerSecond', options.maxPerSecond, 20, { min: 0.001 }),
  };
}

const KEY = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
const MAX_KEY_BYTES = 128;

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function assertValueKey(key: unknown): asserts key is string {
  if (typeof key === 'string' && KEY.test(key) && Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  const expected = '1 to 128 bytes of UTF-8 without control characters';
  throw new InvalidOptionError({ option: 'key', value: key, expected });
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function checkTtl(ttlMs: unknown): number | undefined {
  return ttlMs === undefined ? undefined : checkNumber('ttlMs', ttlMs, 0, TIMER_RANGE);
}

/**
 * The JSON of a value.
 * @throws UnserializableMessageError, ValueLimitError
 */
export function valueJson(
  value: unknown,
  { threadId, key }: { readonly threadId: string; readonly key: string },
  { maxValueBytes }: Filled<ValueOptions>,
): string {
  let json: string | undefined;
  try {
    // undefined for undefined, a function and a symbol
    json = JSON.stringify(value);
  } catch (error) {
    throw new UnserializableMessageError({ reason: asError(error).message, cause: error });
  }
  if (json === undefined) throw new UnserializableMessageError({ reason: `a ${typeof value} is no value` });
  if (Buffer.byteLength(json) > maxValueBytes)
    throw new ValueLimitError({ threadId, key, limit: 'values.maxValueBytes', most: maxValueBytes });
  return json;
}
