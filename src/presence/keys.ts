import type { ClientValue, ThreadValues } from '../api/values.ts';
import { InvalidOptionError } from '../client/errors.ts';
import { isText } from '../client/fields.ts';
import type { ClientValues } from '../client/values-api.ts';

/** A thread of a client that was connected with the part `values` of `threadcast/values`. */
export interface ClientEnd {
  readonly values: ClientValues | undefined;
}

/** A thread of a hub. */
export interface ServerEnd {
  readonly values: ThreadValues;
}

export const isClientEnd = (thread: ServerEnd | ClientEnd): thread is ClientEnd =>
  thread.values === undefined || 'isKnown' in thread.values;

/** The library's keys, each with the user's id after it. */
export const PRESENT = '~present:';
export const TYPING = '~typing:';
export const READ = '~read:';

/** @throws InvalidOptionError where the client was connected without the part */
export function valuesOf({ values }: ClientEnd): ClientValues {
  if (values === undefined) throw new InvalidOptionError({ option: 'values', expected: 'values of threadcast/values' });
  return values;
}

/**
 * The key of a user.
 * @throws InvalidOptionError for an id that is not a text, or empty
 */
export function keyOf(prefix: string, userId: string): string {
  if (isText(userId) && userId) return prefix + userId;
  throw new InvalidOptionError({ option: 'userId', expected: 'a text' });
}

/** The user whose key it is. */
export const userOf = (prefix: string, key: string): string | undefined =>
  key.startsWith(prefix) ? key.slice(prefix.length) : undefined;

/** How long a user may be typing without another stroke, and how much longer a client may ask for. */
export const TYPING_MS = 6_000;

/**
 * Whether a client asks for something about its own user that `presence`, `typing` or `receipts` asks for: for `onValue`.
 *
 * ```ts
 * onValue: ({ userId }, change) => isOwnPresence(userId, change),
 * ```
 */
export function isOwnPresence(userId: string | undefined, { key, value, ttlMs, isOwned }: ClientValue): boolean {
  if (userId === undefined) return false;
  if (key === PRESENT + userId) return value === undefined || isOwned;
  if (key === TYPING + userId)
    return value === undefined || (value === true && ttlMs !== undefined && ttlMs <= TYPING_MS);
  return key === READ + userId && typeof value === 'string' && value.length <= 256;
}
