/** What to do after a close: come back and resume, come back later, or stay away. */
export type Reconnect = 'resume' | 'later' | 'never';

/**
 * The close codes that do not mean `resume`, as the server's table has them (docs/PROTOCOL.md). Everything else is worth a
 * new attempt: 1001 and 1012 for a deploy, 1006 for a lost line, 4408 for a slow consumer, and codes that we do not know.
 */
const exceptions: Readonly<Record<number, Reconnect>> = {
  1000: 'never', // closed
  1008: 'never', // policy violation
  1009: 'never', // message too big
  1013: 'later', // overloaded
  4400: 'never', // bad message
  4401: 'never', // unauthenticated
  4403: 'never', // forbidden
  4406: 'later', // idle
  4409: 'never', // replaced
  4429: 'later', // rate limited
};

/** What a close code asks of the client. */
export function reconnectAfter(code: number): Reconnect {
  return exceptions[code] ?? 'resume';
}
