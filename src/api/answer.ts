import type { Receipt } from './receipt.ts';

/** Where an accepted message is. */
export type AnswerReceipt = Pick<Receipt, 'position'> & Partial<Pick<Receipt, 'id'>>;

/** An answer with data for the client that has published. Made by `answer`. */
export class Answer<Data = unknown> {
  readonly data: Data;
  readonly receipt: AnswerReceipt | undefined;

  constructor(data: Data, receipt?: AnswerReceipt) {
    this.data = data;
    this.receipt = receipt;
  }
}

/**
 * For `onPublish`: the message is accepted, and `client.publish` resolves with this data as `data`.
 *
 * ```ts
 * onPublish: async (_session, { threadId, id, data }) =>
 *   answer({ number: await nextNumber() }, await hub.thread(threadId).send(data, { idempotencyKey: id })),
 * ```
 *
 * A client that has not received the answer publishes again with the same id, possibly to another process. It gets the same answer for ten
 * minutes, and while `onPublish` is still at work, its retry waits. So `onPublish` runs once while the process that began it lives. If that
 * process crashes before the answer is in the log, the next retry runs `onPublish` again: give `id` to all that must not happen twice.
 *
 * @param data at most 64 KiB of JSON: more is an AnswerTooLargeError, for the client `TC_ANSWER_TOO_LARGE`. A `Uint8Array` goes as base64, so
 * it has 48 KiB at most; `threadcast/bytes` and the pool resolve with a `Uint8Array`, other clients with the text.
 * @param receipt of the `send`, for the message's id and position
 */
export function answer<Data>(data: Data, receipt?: AnswerReceipt): Answer<Data> {
  return new Answer(data, receipt);
}
