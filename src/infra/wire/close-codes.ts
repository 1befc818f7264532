import { StringDecoder } from 'node:string_decoder';
import { InvalidOptionError } from '../errors.ts';

/** What the client should do after a close: reconnect and resume, reconnect later, or stay away. */
export type Reconnect = 'resume' | 'later' | 'never';

export interface CloseCode {
  readonly code: number;
  readonly reason: string;
  readonly reconnect: Reconnect;
}

/** The only table of close codes. 1xxx are from RFC 6455 section 7.4.1 and the IANA registry, 4xxx are ours. */
export const closeCodes = {
  normal: { code: 1000, reason: 'closed', reconnect: 'never' },
  goingAway: { code: 1001, reason: 'going away', reconnect: 'resume' },
  abnormal: { code: 1006, reason: 'connection lost', reconnect: 'resume' },
  policy: { code: 1008, reason: 'policy violation', reconnect: 'never' },
  tooBig: { code: 1009, reason: 'message too big', reconnect: 'never' },
  drain: { code: 1012, reason: 'service restart', reconnect: 'resume' },
  overloaded: { code: 1013, reason: 'try again later', reconnect: 'later' },
  badMessage: { code: 4400, reason: 'bad message', reconnect: 'never' },
  unauthenticated: { code: 4401, reason: 'unauthenticated', reconnect: 'never' },
  forbidden: { code: 4403, reason: 'forbidden', reconnect: 'never' },
  idle: { code: 4406, reason: 'idle', reconnect: 'later' },
  slowConsumer: { code: 4408, reason: 'slow consumer', reconnect: 'resume' },
  replaced: { code: 4409, reason: 'replaced', reconnect: 'never' },
  rateLimited: { code: 4429, reason: 'rate limited', reconnect: 'later' },
} as const satisfies Record<string, CloseCode>;

const reasons: ReadonlyMap<number, string> = new Map(
  Object.values(closeCodes).map(({ code, reason }) => [code, reason]),
);

/** The meaning of a close without a reason; 1005 is a close frame without a code (RFC 6455 section 7.1.5). */
export function reasonOf(code: number): string {
  return reasons.get(code === 1005 ? closeCodes.normal.code : code) ?? '';
}

/** Maximum bytes of the reason in a control frame, after two for the code (RFC 6455 section 5.5). */
const MAX_REASON_BYTES = 123;

/**
 * Checks that the application's close code and reason fit in a close frame.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function assertCloseFrame(code: unknown, reason: unknown): void {
  const isCode = typeof code === 'number' && Number.isInteger(code) && isSendable(code);
  if (!isCode) {
    throw new InvalidOptionError({
      option: 'code',
      value: code,
      expected: '1000 to 1014 without 1004 to 1006, or 3000 to 4999',
    });
  }
  assertReason(reason);
}

/**
 * Checks the application's reason for an end: of a connection, or of a membership in a thread.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function assertReason(reason: unknown, minBytes = 0): asserts reason is string {
  const bytes = typeof reason === 'string' ? Buffer.byteLength(reason) : -1;
  if (bytes >= minBytes && bytes <= MAX_REASON_BYTES) return;
  throw new InvalidOptionError({
    option: 'reason',
    value: reason,
    expected: `a text of ${minBytes} to ${MAX_REASON_BYTES} bytes`,
  });
}

/** RFC 6455 section 7.4: some codes are for reports only. */
function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) || (code >= 3000 && code <= 4999);
}

/** As much of a text as fits in a close frame, in whole characters. */
export function closingReason(text: string): string {
  return new StringDecoder().write(Buffer.from(text.slice(0, MAX_REASON_BYTES)).subarray(0, MAX_REASON_BYTES));
}
