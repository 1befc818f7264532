import { memoryLog, type DeliveryLog, type LogSubscription } from '../../src/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { numberOf, type Ledger } from './ledger.ts';
import type { NodeClock } from './node-clock.ts';

interface Listening {
  readonly node: NodeClock;
  readonly subscription: LogSubscription;
  readonly onNodeMessage: (note: string) => void;
}

/** One log for several nodes: it outlives each of them. */
export class SimLog {
  readonly #log: DeliveryLog;
  readonly #ledger: Ledger;
  readonly #listening = new Map<string, Set<Listening>>();

  constructor(clock: VirtualClock, ledger: Ledger, maxEntries: number) {
    this.#log = memoryLog({ clock, maxEntries });
    this.#ledger = ledger;
  }

  /** The log as one process has it. */
  of(node: NodeClock, hasOthers: boolean): DeliveryLog {
    const log = this.#log;
    const all = (threadId: string): Set<Listening> => {
      const listening = this.#listening.get(threadId) ?? new Set();
      this.#listening.set(threadId, listening);
      return listening;
    };
    return {
      append: (draft) => {
        if (node.isDead) return new Promise(() => {});
        const text = Buffer.concat(draft.body.chunks).toString();
        const appended = log.append(draft);
        const position = log.position(draft.threadId);
        if (appended instanceof Promise || position instanceof Promise)
          throw new Error('the memory log answers at once');
        const { entry, isDuplicate } = appended;
        const { offset, id } = entry;
        const { kind = 'message', target } = draft;
        const data: unknown = kind === 'remove' ? undefined : JSON.parse(text);
        const isText = typeof data === 'object' && data !== null && 'text' in data;
        const facts = { number: numberOf(data), kind, target, isText, at: node.now() };
        if (!isDuplicate) this.#ledger.logged(draft.threadId, position.epoch, { offset, id, ...facts });
        else this.#ledger.note('duplicate');
        return appended;
      },
      readAfter: (...args) => log.readAfter(...args),
      readBefore: (...args) => log.readBefore(...args),
      position: (threadId) => log.position(threadId),
      sweep: () => log.sweep(),
      close: () => {},
      subscribe: (threadId, onEntry, onNodeMessage = () => {}, onReset) => {
        const subscription = log.subscribe(threadId, (entry) => node.run(() => onEntry(entry)), undefined, onReset);
        if (subscription instanceof Promise) throw new Error('the memory log answers at once');
        const listening = { node, subscription, onNodeMessage };
        all(threadId).add(listening);
        return {
          tail: subscription.tail,
          hold: (offset) => subscription.hold(offset),
          unsubscribe: () => {
            all(threadId).delete(listening);
            subscription.unsubscribe();
          },
        };
      },
      ...(hasOthers && {
        notify: (threadId: string, note: string) => {
          if (node.isDead) return;
          for (const other of all(threadId)) if (other.node !== node) other.node.run(() => other.onNodeMessage(note));
        },
      }),
    };
  }

  /** The process is gone: the log forgets what it held for it. */
  forget(node: NodeClock): void {
    for (const listening of this.#listening.values()) {
      for (const one of listening) {
        if (one.node !== node) continue;
        one.subscription.unsubscribe();
        listening.delete(one);
      }
    }
  }

  async close(): Promise<void> {
    await this.#log.close();
  }
}
