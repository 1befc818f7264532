/** What to do after a close: come back and resume, come back later, or stay away. */
export type Reconnect = 'resume' | 'later' | 'never';

/** The server says why it does not want the client back (docs/PROTOCOL.md): closed, policy, too big, bad message, identity, replaced. */
const NEVER = [1000, 1008, 1009, 4400, 4401, 4403, 4409];

/** Overloaded, idle, rate limited. */
const LATER = [1013, 4406, 4429];

/**
 * What a close code asks of the client. Every other one is worth a new attempt: 1001 and 1012 for a deploy, 1006 for a lost line, 4408
 * for a slow consumer, and codes that we do not know.
 */
export function reconnectAfter(code: number): Reconnect {
  if (NEVER.includes(code)) return 'never';
  return LATER.includes(code) ? 'later' : 'resume';
}
