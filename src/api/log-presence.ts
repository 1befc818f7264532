import type { MaybePromise } from './message.ts';

/**
 * Which members, by any name, each process has in a thread. A process that has crashed, or has been cut off from the log, is not counted any
 * more within 15 seconds. When the log itself was unreachable, the processes that were alive before count for ten seconds more, so that
 * they can report again.
 */
export interface LogPresence {
  /** This process has the member in the thread, until `remove` or its own end. Repeating it changes nothing. Does not wait. */
  add(threadId: string, member: string): void;
  /** Ends `add`. Does not wait. */
  remove(threadId: string, member: string): void;
  /**
   * The members that living processes have in the thread, each once, in no order. Those of this process are complete; those of others are
   * as they have reported them.
   * @throws LogUnavailableError
   */
  list(threadId: string): MaybePromise<readonly string[]>;
}
