import type { IncomingMessage } from 'node:http';
import type { Format } from '../../api/message.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { isOwnPage, queryOf } from '../../infra/socket/request-target.ts';
import { SUBPROTOCOL } from '../connection/wire-protocol.ts';
import type { GatewaySettings } from './resolve-attach-options.ts';

/** @throws what the application's predicate throws; InvalidOptionError where it answers with something else, as a promise would */
export function isOriginAllowed(request: IncomingMessage, allowed: GatewaySettings['allowedOrigins']): boolean {
  const { origin } = request.headers;
  // only browsers send one, and they always do
  if (origin === undefined || allowed === '*') return true;
  if (allowed === undefined) return isOwnPage(request, origin);
  if (typeof allowed !== 'function') return allowed.includes(origin);
  const answer: unknown = allowed(origin);
  if (typeof answer === 'boolean') return answer;
  // nobody waits for it: what it fails with must not end the process
  if (answer instanceof Promise) answer.catch(() => {});
  throw new InvalidOptionError({ option: 'allowedOrigins()', value: answer, expected: 'true or false, at once' });
}

/** Who offers the subprotocol speaks it: a `plain` besides contradicts that. */
export function formatAsked(request: IncomingMessage, allowPlain: boolean): Format | 'refused' | undefined {
  const asked = queryOf(request).get('format') ?? undefined;
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim());
  const speaksJson = offered?.includes(SUBPROTOCOL) ?? false;
  if (asked === 'json' || (asked === undefined && speaksJson)) return 'json';
  if (asked === undefined) return undefined;
  return asked === 'plain' && allowPlain && !speaksJson ? 'plain' : 'refused';
}

/** Of an answer of `authenticate` that was not looked at yet. */
export function userIdOf(answer: unknown): string | undefined {
  const userId: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'userId') : undefined;
  return typeof userId === 'string' ? userId : undefined;
}
