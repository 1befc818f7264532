import { InvalidOptionError } from '../../infra/errors.ts';
import { assertUserId } from '../../infra/log/ids.ts';
import { checkChoice } from '../../infra/option-checks.ts';
import { isSameName } from '../../infra/similar-name.ts';
import type { Session } from '../../api/session.ts';

const NAMES: readonly string[] = ['userId', 'format', 'data', 'expiresAt'] satisfies readonly (keyof Session)[];

/**
 * Checks the answer of `authenticate` or `reauthenticate`. A session may have fields of the application's own, but none that differs from
 * ours only in capitals or underscores: with `userID`, the connection would have no user.
 * @param now milliseconds since 1970, by the hub's clock
 * @param callback whose answer it is
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function assertSession(
  session: unknown,
  now: number,
  callback: 'authenticate' | 'reauthenticate' = 'authenticate',
): asserts session is Session {
  const source = `${callback}()`;
  if (typeof session !== 'object' || session === null || Array.isArray(session)) {
    throw new InvalidOptionError({ option: source, value: session, expected: 'a session, or a refusal' });
  }
  for (const name of Object.keys(session)) {
    if (NAMES.includes(name)) continue;
    const meant = NAMES.find((known) => isSameName(known, name));
    if (meant === undefined) continue;
    throw new InvalidOptionError({
      option: `${source}.${name}`,
      expected: `${meant}: did you mean that?`,
      isUnknown: true,
    });
  }
  const { userId, format, expiresAt }: { userId?: unknown; format?: unknown; expiresAt?: unknown } = session;
  if (userId !== undefined) assertUserId(`${source}.userId`, userId);
  checkChoice(`${source}.format`, format, 'json', ['json', 'plain']);
  if (expiresAt !== undefined) assertExpiry(`${source}.expiresAt`, expiresAt, now);
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) unless the session ends later than now, in milliseconds since 1970 */
export function assertExpiry(option: string, expiresAt: unknown, now: number): void {
  if (typeof expiresAt === 'number' && Number.isFinite(expiresAt) && expiresAt > now) return;
  throw new InvalidOptionError({
    option,
    value: expiresAt,
    expected: 'a time to come in milliseconds since 1970 (the exp of a JWT is in seconds)',
  });
}
