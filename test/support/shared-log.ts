import type { DeliveryLog } from '../../src/index.ts';

/** One log for several hubs of this process, which tell each other notes as the processes of a cluster do. */
export class SharedLog {
  readonly #log: DeliveryLog;
  readonly #listeners = new Map<
    string,
    Set<{ readonly node: object; readonly onNodeMessage: (note: string) => void }>
  >();

  constructor(log: DeliveryLog) {
    this.#log = log;
  }

  /** The log as one hub has it; that hub's end is not the others'. */
  node(): DeliveryLog {
    const node = {};
    const log = this.#log;
    const listenersOf = (threadId: string) => {
      const listeners = this.#listeners.get(threadId) ?? new Set();
      this.#listeners.set(threadId, listeners);
      return listeners;
    };
    return {
      append: (draft) => log.append(draft),
      readAfter: (...args) => log.readAfter(...args),
      position: (threadId) => log.position(threadId),
      sweep: () => log.sweep(),
      close: () => {},
      async subscribe(threadId, onEntry, onNodeMessage = () => {}) {
        const subscription = await log.subscribe(threadId, onEntry);
        const listener = { node, onNodeMessage };
        listenersOf(threadId).add(listener);
        return {
          tail: subscription.tail,
          hold: (offset) => subscription.hold(offset),
          unsubscribe: () => {
            listenersOf(threadId).delete(listener);
            subscription.unsubscribe();
          },
        };
      },
      notify(threadId, note) {
        for (const listener of listenersOf(threadId)) if (listener.node !== node) listener.onNodeMessage(note);
      },
    };
  }
}
