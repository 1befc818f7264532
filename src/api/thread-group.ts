import type { ThreadShape } from './definition.ts';
import type { Sendable, SendOptions } from './message.ts';
import type { Receipt } from './receipt.ts';

/** How one message is sent to several threads. Edit it in each of them: `thread.send(message, { replaces })`. */
export type GroupSendOptions = Omit<SendOptions, 'replaces'>;

/** Several threads. The object is a handle without state. */
export interface ThreadGroup<T extends ThreadShape = ThreadShape> {
  /** The ids of the threads, each once. */
  readonly ids: readonly string[];
  /**
   * Serializes the message once and appends it to each of the threads, under the same id. A `threadcast/client` that is in several of them
   * gives it to the application once: in the thread where it comes first. The positions of all of them move. Connections of other clients
   * get it once in each thread.
   *
   * A thread where that fails does not keep the message from the others. Then the call is rejected, after all threads have had their turn. Send
   * it again with the same `idempotencyKey`: each thread has it once.
   * @returns the receipts, in the order of `ids`
   * @throws the first error of a thread; see `Thread.send`
   */
  send(message: Sendable<T['message']>, options?: GroupSendOptions): Promise<readonly Receipt[]>;
}
