import { memoryLog, type Clock, type DeliveryLog } from '../../src/index.ts';

/** A log elsewhere that takes its time to open a thread. */
export function slowLog(clock: Clock, openMs: number, log: DeliveryLog = memoryLog({ clock })): DeliveryLog {
  return {
    append: (draft) => log.append(draft),
    readAfter: (...args) => log.readAfter(...args),
    readBefore: (...args) => log.readBefore(...args),
    position: (threadId) => log.position(threadId),
    sweep: () => log.sweep(),
    close: () => log.close(),
    async subscribe(...args) {
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, openMs));
      return log.subscribe(...args);
    },
  };
}
