import { memoryLog, type Appended, type Clock, type DeliveryLog } from '../../src/index.ts';

/** How long the log takes. */
interface Delays {
  readonly openMs?: number;
  /** Until an entry is in the log. */
  readonly appendMs?: number;
  /** From then until the append is answered. */
  readonly answerMs?: number;
}

/** A log that other processes share, and that takes messages for threads that are not open in this one. */
export interface UnreadLog {
  readonly log: DeliveryLog;
  /** What was sent to the other processes. */
  readonly notes: string[];
  /** The threads that were opened. */
  readonly opened: string[];
}

export function unreadLog(clock: Clock, { openMs = 1, appendMs = 1, answerMs = 1 }: Delays = {}): UnreadLog {
  const log = memoryLog({ clock });
  const notes: string[] = [];
  const opened: string[] = [];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, ms));
  const shared: DeliveryLog = {
    appendsUnread: true,
    async append(draft): Promise<Appended> {
      await pause(appendMs);
      const appended = await log.append(draft);
      const { epoch } = await log.position(draft.threadId);
      await pause(answerMs);
      return { ...appended, epoch };
    },
    async subscribe(threadId, ...listeners) {
      opened.push(threadId);
      await pause(openMs);
      return log.subscribe(threadId, ...listeners);
    },
    readAfter: (...args) => log.readAfter(...args),
    readBefore: (...args) => log.readBefore(...args),
    position: (threadId) => log.position(threadId),
    notify: (threadId, note) => void notes.push(`${threadId} ${note}`),
    sweep: () => log.sweep(),
    close: () => log.close(),
  };
  return { log: shared, notes, opened };
}
