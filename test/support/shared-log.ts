import type { DeliveryLog, LogAnswers, LogValues } from '../../src/index.ts';
import { MemoryPresence } from '../../src/infra/log/memory-presence.ts';

/** One log for several hubs of this process, which tell each other notes as the processes of a cluster do. */
export class SharedLog {
  /** `thread key` of each claim that is not answered, and the node that has it. */
  readonly #claims = new Map<string, object>();
  #nodes = 0;
  readonly #presences = new Map<object, MemoryPresence>();
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
    const own = new MemoryPresence();
    this.#presences.set(node, own);
    return {
      presence: {
        add: (...args) => own.add(...args),
        remove: (...args) => own.remove(...args),
        list: (threadId) => [...new Set([...this.#presences.values()].flatMap((each) => each.list(threadId)))],
      },
      answers: this.#answersOf(node),
      values: this.#valuesOf(`node${++this.#nodes}`),
      erase: (threadId) => log.erase?.(threadId),
      append: (draft) => log.append(draft),
      readAfter: (...args) => log.readAfter(...args),
      readBefore: (...args) => log.readBefore(...args),
      position: (threadId) => log.position(threadId),
      sweep: () => log.sweep(),
      close: () => {},
      async subscribe(threadId, onEntry, onNodeMessage = () => {}, onReset) {
        const subscription = await log.subscribe(threadId, onEntry, undefined, onReset);
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

  /** Owners of two nodes are different ones. */
  #valuesOf(node: string): LogValues | undefined {
    const { values } = this.#log;
    const ownerOf = (owner: string): string => `${node}/${owner}`;
    return (
      values && {
        set: (threadId, draft, limits) =>
          values.set(threadId, { ...draft, owner: draft.owner && ownerOf(draft.owner) }, limits),
        delete: (...args) => values.delete(...args),
        read: (...args) => values.read(...args),
        watch: (...args) => values.watch(...args),
        end: (threadId, owner) => values.end(threadId, ownerOf(owner)),
      }
    );
  }

  #answersOf(node: object): LogAnswers | undefined {
    const { answers } = this.#log;
    if (answers === undefined) return undefined;
    const claims = this.#claims;
    const nameOf = (threadId: string, key: string): string => `${threadId} ${key}`;
    return {
      async claim(threadId, key) {
        const claim = await answers.claim(threadId, key);
        const by = claims.get(nameOf(threadId, key)) ?? node;
        if (claim.is === 'claimed' && by !== node) return { is: 'pending' };
        if (claim.is === 'claimed') claims.set(nameOf(threadId, key), node);
        return claim;
      },
      async answer(threadId, key, answer) {
        claims.delete(nameOf(threadId, key));
        await answers.answer(threadId, key, answer);
      },
      async release(threadId, key) {
        if (claims.get(nameOf(threadId, key)) !== node) return;
        claims.delete(nameOf(threadId, key));
        await answers.release(threadId, key);
      },
    };
  }
}
