import type { IncomingMessage } from 'node:http';
import type { Format } from '../../api/message.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { isOwnPage } from '../../infra/socket/request-target.ts';
import { SUBPROTOCOL } from '../connection/wire-protocol.ts';
import type { GatewaySettings } from './resolve-attach-options.ts';

/** @throws what the application's predicate throws; InvalidOptionError if it returns another type, such as a promise */
export function isOriginAllowed(
  request: Pick<IncomingMessage, 'headers' | 'url'>,
  allowed: GatewaySettings['allowedOrigins'],
): boolean {
  const { origin } = request.headers;
  // only browsers send one, and they always do
  if (origin === undefined || allowed === '*') return true;
  if (allowed === undefined) return isOwnPage(request, origin);
  if (typeof allowed !== 'function') return allowed.includes(origin);
  const answer: unknown = allowed(origin);
  if (typeof answer === 'boolean') return answer;
  // the promise is not awaited: its rejection must not end the process
  if (answer instanceof Promise) answer.catch(() => {});
  throw new InvalidOptionError({ option: 'allowedOrigins()', value: answer, expected: 'true or false, at once' });
}

/** A client that offers the subprotocol speaks it, so an additional `plain` is a contradiction. */
export function formatAsked(
  request: IncomingMessage,
  query: URLSearchParams,
  allowPlain: boolean,
): Format | 'refused' | undefined {
  const asked = query.get('format') ?? undefined;
  const speaksJson = offersProtocol(request);
  if (asked === 'json' || (asked === undefined && speaksJson)) return 'json';
  if (asked === undefined) return undefined;
  return asked === 'plain' && allowPlain && !speaksJson ? 'plain' : 'refused';
}

/** The client offers our subprotocol, so it reads our close codes. */
export function offersProtocol({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim());
  return offered?.includes(SUBPROTOCOL) ?? false;
}

/** The user id in an unchecked answer of `authenticate`. */
export function userIdOf(answer: unknown): string | undefined {
  const userId: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'userId') : undefined;
  return typeof userId === 'string' ? userId : undefined;
}
