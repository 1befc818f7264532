import type { SendOptions, Transaction } from '../../api/message.ts';
import type { PendingReceipt, Receipt } from '../../api/receipt.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import { completed } from './receipt.ts';
import { resolveSend, type SendSettings } from './resolve-send-options.ts';
import type { ThreadSends } from './thread-sends.ts';
import type { ThreadServices } from './thread-services.ts';

/** Sends a message with a transaction of the application. The send is in progress until that is over. */
export async function sendStaged(
  sends: ThreadSends,
  services: ThreadServices,
  message: unknown,
  options: SendOptions,
  transaction: Transaction,
): Promise<PendingReceipt> {
  const settings = resolveSend(options, services);
  assertStageable(settings);
  const { lane, parent, link, id } = settings;
  const span = services.telemetry.publish({ threadId: sends.id, lane, parent, link });
  sends.begin(span.trace);
  const fail = (error: unknown): never => {
    services.counters.sendsFailed++;
    span.end({}, error);
    sends.end();
    throw error;
  };
  try {
    sends.assertOpen('send', id);
    const staged = await sends.publishing.stage(message, settings, span, transaction);
    const committed = staged.committed.then((publication): Receipt | undefined => {
      sends.end();
      if (publication !== undefined) return completed(publication, span, services);
      span.end({});
      return undefined;
    }, fail);
    // the application need not look at it
    committed.catch(() => {});
    return { id, pending: true, committed };
  } catch (error) {
    return fail(error);
  }
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) unless it can run statements */
export function assertTransaction(transaction: unknown): asserts transaction is Transaction {
  if (isObject(transaction) && typeof Reflect.get(transaction, 'query') === 'function') return;
  throw new InvalidOptionError({ option: 'transaction', value: transaction, expected: 'a client with `query`' });
}

function assertStageable({ lane, replaces, audience }: SendSettings): void {
  if (lane !== 'volatile' && replaces === undefined && audience === undefined) return;
  throw new InvalidOptionError({
    option: 'transaction',
    expected: 'no `replaces`, no `audience` and no lane volatile beside it',
    value: undefined,
  });
}
