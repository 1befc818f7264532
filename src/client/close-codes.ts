/** What to do after a close: reconnect and resume, reconnect later, or stay away. */
export type Reconnect = 'resume' | 'later' | 'never';

/** The server does not accept the token, or the session has expired. */
export const UNAUTHENTICATED = 4401;

/** Codes with which the server refuses the client for good (docs/PROTOCOL.md): closed, policy, too big, bad message, identity, replaced. */
const NEVER = [1000, 1008, 1009, 4400, UNAUTHENTICATED, 4403, 4409];

/** Overloaded, idle, rate limited. */
const LATER = [1013, 4406, 4429];

/**
 * The reaction to a close code. Every unlisted one is worth a new attempt: 1001 and 1012 for a deploy, 1006 for a lost line, 4408 for a
 * slow consumer, and unknown codes.
 */
export function reconnectAfter(code: number): Reconnect {
  if (NEVER.includes(code)) return 'never';
  return LATER.includes(code) ? 'later' : 'resume';
}
