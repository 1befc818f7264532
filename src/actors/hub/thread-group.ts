import type { SendOptions } from '../../api/message.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { GroupSendOptions, ThreadGroup } from '../../api/thread-group.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { assertThreadId, checkId } from '../../infra/log/ids.ts';
import { Preencoded } from '../../infra/serialization/preencoded.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { HubContext } from '../support/context.ts';
import { inParallel } from '../support/wait.ts';
import { checkMessage } from '../thread/message-check.ts';
import { checkSendOptions } from '../thread/resolve-send-options.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** Threads that get a message at the same time. */
const AT_ONCE = 64;

/** @throws InvalidOptionError, InvalidThreadIdError */
export function checkGroup(ids: unknown): readonly string[] {
  if (!Array.isArray(ids))
    throw new InvalidOptionError({ option: 'ids', value: ids, expected: 'an array of thread ids' });
  const distinct: unknown[] = [...new Set<unknown>(ids)];
  return distinct.map((id) => {
    assertThreadId(id);
    return id;
  });
}

/** The application's handle of several threads. */
export class GroupHandle implements ThreadGroup {
  readonly ids: readonly string[];
  readonly #context: Pick<HubContext, 'settings' | 'status' | 'scheduler' | 'newId'>;
  readonly #threads: Pick<ThreadPort, 'sender'>;
  readonly #serializer: SerializerActor;

  constructor(
    ids: readonly string[],
    context: Pick<HubContext, 'settings' | 'status' | 'scheduler' | 'newId'>,
    threads: Pick<ThreadPort, 'sender'>,
    serializer: SerializerActor,
  ) {
    this.ids = ids;
    this.#context = context;
    this.#threads = threads;
    this.#serializer = serializer;
  }

  async send(message: unknown, options: GroupSendOptions = {}): Promise<readonly Receipt[]> {
    const { status, scheduler } = this.#context;
    status.assertRunning('send');
    const { snapshot = false, ...others } = checked(options);
    const { idempotencyKey = this.#context.newId() } = others;
    const settings = { ...others, idempotencyKey: checkId('idempotencyKey', idempotencyKey) };
    await this.#check(message);
    const { body, strategy } = await this.#serializer.encode(message, snapshot, undefined);
    const ready = new Preencoded(body);
    try {
      return await inParallel(scheduler, AT_ONCE, this.ids, async (threadId) => {
        const found = this.#threads.sender(threadId);
        const sender = found instanceof Promise ? await found : found;
        return { ...(await sender.sendShared(ready, settings)), strategy };
      });
    } finally {
      body.release();
    }
  }

  /** @throws InvalidMessageError, in development */
  async #check(message: unknown): Promise<void> {
    const { isDevelopment, definitions } = this.#context.settings;
    for (const threadId of isDevelopment ? this.ids : []) {
      const definition = definitions.of(threadId);
      if (definition !== undefined) await checkMessage(definition, threadId, message);
    }
  }
}

/** @throws InvalidOptionError */
function checked(options: SendOptions): SendOptions {
  checkSendOptions(options);
  if (options.replaces === undefined) return options;
  const expected = 'an edit in each thread: thread.send(message, { replaces })';
  throw new InvalidOptionError({ option: 'replaces', value: options.replaces, expected });
}
