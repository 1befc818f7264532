import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MaybePromise } from '../api/message.ts';
import type { ChatMessage } from './chunk.ts';

/** How long messages are checked in one go, in milliseconds. */
const SLICE_MS = 2;

/**
 * Makes `validateMessages` of a validator that takes lists, as `validateUIMessages` of npm `ai` is: it gets the messages one by one, with turns
 * of the event loop between them. The whole history in one go would hold the loop: 10 ms for 4 MiB.
 * @param validate gets lists of one message; returns what is valid, or throws
 *
 * ```ts
 * validateMessages: validateEach((messages) => validateUIMessages<UIMessage>({ messages, tools })),
 * ```
 */
export function validateEach<Message extends ChatMessage>(
  validate: (messages: ChatMessage[]) => MaybePromise<Message[]>,
): (messages: readonly ChatMessage[]) => Promise<Message[]> {
  return async (messages) => {
    // a validator may want one at least
    if (messages.length === 0) return validate([]);
    const valid: Message[] = [];
    let sliceEndsAt = performance.now() + SLICE_MS;
    for (const message of messages) {
      valid.push(...(await validate([message])));
      if (performance.now() < sliceEndsAt) continue;
      await nextTurn();
      sliceEndsAt = performance.now() + SLICE_MS;
    }
    return valid;
  };
}
