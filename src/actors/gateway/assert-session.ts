import { InvalidOptionError } from '../../infra/errors.ts';
import { assertUserId } from '../../infra/log/ids.ts';
import { checkChoice } from '../../infra/option-checks.ts';
import { isSameName } from '../../infra/similar-name.ts';
import type { Session } from '../../api/attach.ts';

const NAMES: readonly string[] = ['userId', 'format', 'data'] satisfies readonly (keyof Session)[];

/**
 * Checks the answer of `authenticate`. A session may have fields of the application's own, but none that differs from ours only in capitals
 * or underscores: with `userID`, the connection would have no user.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function assertSession(session: unknown): asserts session is Session {
  if (typeof session !== 'object' || session === null || Array.isArray(session)) {
    throw new InvalidOptionError({ option: 'authenticate()', value: session, expected: 'a session, or a refusal' });
  }
  for (const name of Object.keys(session)) {
    if (NAMES.includes(name)) continue;
    const meant = NAMES.find((known) => isSameName(known, name));
    if (meant === undefined) continue;
    throw new InvalidOptionError({
      option: `authenticate().${name}`,
      expected: `${meant}: did you mean that?`,
      isUnknown: true,
    });
  }
  const { userId, format }: { userId?: unknown; format?: unknown } = session;
  if (userId !== undefined) assertUserId('authenticate().userId', userId);
  checkChoice('authenticate().format', format, 'json', ['json', 'plain']);
}
