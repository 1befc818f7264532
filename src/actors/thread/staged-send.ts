import type { SendOptions, Transaction } from '../../api/message.ts';
import type { PendingReceipt, Receipt } from '../../api/receipt.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import type { PublishPipeline } from './publish-pipeline.ts';
import { completed } from './receipt.ts';
import { resolveSend, type SendSettings } from './resolve-send-options.ts';
import type { ThreadLife } from './thread-life.ts';
import type { ThreadServices } from './thread-services.ts';

/** The thread that sends. */
export interface StagingThread {
  readonly id: string;
  readonly life: ThreadLife;
  readonly publishing: PublishPipeline;
  readonly services: ThreadServices;
}

/**
 * Sends a message with a transaction of the application. The send is in progress until that is over.
 * @param assertFree throws if a token stream has this id
 */
export async function sendStaged(
  { id: threadId, life, publishing, services }: StagingThread,
  message: unknown,
  options: SendOptions,
  transaction: Transaction,
  assertFree: (id: string) => void,
): Promise<PendingReceipt> {
  const settings = resolveSend(options, services);
  assertStageable(settings);
  const { lane, parent, link, id } = settings;
  const span = services.telemetry.publish({ threadId, lane, parent, link });
  life.enter(span.trace);
  const fail = (error: unknown): never => {
    services.counters.sendsFailed++;
    span.end({}, error);
    life.leave();
    throw error;
  };
  try {
    life.assertOpen('send');
    assertFree(id);
    const staged = await publishing.stage(message, settings, span, transaction);
    const committed = staged.committed.then((publication): Receipt | undefined => {
      life.leave();
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
