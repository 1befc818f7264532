import type { DeliveryLog } from '../../src/index.ts';
import type { NodeClock } from './node-clock.ts';

/** What keeps the messages of all processes. */
export interface SimStore {
  /** The values that a thread has. */
  values(threadId: string): ReadonlyMap<string, string>;
  /** The log as one process has it. */
  of(node: NodeClock, hasOthers: boolean): DeliveryLog;
  /** The process is gone. */
  forget(node: NodeClock): void;
  close(): void;
}
