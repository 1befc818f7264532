import type { DeliveryLog, LogTail } from '../../src/index.ts';

/**
 * A log in this process that holds nothing of a thread in its tails until `answer` is called, as a remote one whose answers take long.
 * @param log in memory
 */
export function unansweredLog(log: DeliveryLog): DeliveryLog & { readonly answer: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isAnswered = false;
  const hidden = (tail: LogTail): LogTail => ({
    get epoch() {
      return tail.epoch;
    },
    get first() {
      return isAnswered ? tail.first : tail.head + 1;
    },
    get head() {
      return tail.head;
    },
    get headId() {
      return tail.headId;
    },
    at: (offset) => (isAnswered ? tail.at(offset) : undefined),
    criticalAfter: (offset) => (isAnswered ? tail.criticalAfter(offset) : undefined),
    criticalCountAfter: (offset) => (isAnswered ? tail.criticalCountAfter(offset) : 0),
  });
  return {
    answer: () => {
      isAnswered = true;
      resolve();
    },
    append: (draft) => log.append(draft),
    readAfter: (...range) => log.readAfter(...range),
    readBefore: (...range) => log.readBefore(...range),
    position: (threadId) => log.position(threadId),
    sweep: (isTimeUp) => log.sweep(isTimeUp),
    close: () => {
      resolve();
      return log.close();
    },
    async subscribe(...listeners) {
      const subscription = await log.subscribe(...listeners);
      return {
        tail: hidden(subscription.tail),
        hold: (offset) => subscription.hold(offset),
        reach: () => (isAnswered ? undefined : promise),
        unsubscribe: () => subscription.unsubscribe(),
      };
    },
  };
}
