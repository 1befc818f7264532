import { Refusal, type RefusalStatus } from '../../api/refusal.ts';
import { InvalidOptionError } from '../errors.ts';

const STATUSES: readonly unknown[] = [401, 403, 429, 503] satisfies readonly RefusalStatus[];

/**
 * Return it from `authenticate` to turn a client away.
 * @param status 401 unauthorized, 403 forbidden, 429 too many requests, 503 unavailable
 * @param message the close reason of clients that offer our subprotocol, at most 123 bytes of it; for others the body. Default: the name of the status
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function refuse(status: RefusalStatus, message?: string): Refusal {
  if (!STATUSES.includes(status)) {
    throw new InvalidOptionError({
      option: 'refuse() status',
      value: status,
      expected: `one of ${STATUSES.join(', ')}`,
    });
  }
  if (message !== undefined && typeof message !== 'string') {
    throw new InvalidOptionError({ option: 'refuse() message', value: message, expected: 'a text' });
  }
  return new Refusal(status, message);
}
