import type { MaybePromise } from '../infra/delivery-log.ts';
import type { Engine } from './engine.ts';
import { ThreadActor } from './thread.ts';

/** Threads that one sweep looks at: with a hundred thousand of them, all at once would hold the event loop. */
const SWEPT_AT_ONCE = 10_000;

/** The threads that are open: opened when somebody needs them, forgotten when they have closed. */
export class Threads {
  readonly #engine: () => Engine;
  readonly #byId = new Map<string, ThreadActor>();
  readonly #opening = new Map<string, Promise<ThreadActor>>();
  #swept: Iterator<ThreadActor> | undefined;

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Token streams under way in all of them. */
  get streams(): number {
    let count = 0;
    for (const { streams } of this.#byId.values()) count += streams?.size ?? 0;
    return count;
  }

  get all(): Iterable<ThreadActor> {
    return this.#byId.values();
  }

  get(threadId: string): ThreadActor | undefined {
    return this.#byId.get(threadId);
  }

  /** At once where the log answers at once. @throws HubClosedError */
  open(threadId: string): MaybePromise<ThreadActor> {
    const known = this.#byId.get(threadId) ?? this.#opening.get(threadId);
    if (known !== undefined) return known;
    const engine = this.#engine();
    engine.assertRunning('open a thread');
    let thread: ThreadActor | undefined;
    const log = engine.settings.log.subscribe(
      threadId,
      (entry) => thread?.onEntry(entry),
      (note) => thread?.onNote(note),
      (reset) => thread?.onReset(reset),
    );
    const open = (subscription: Awaited<typeof log>): ThreadActor => {
      thread = new ThreadActor(threadId, engine, subscription);
      this.#byId.set(threadId, thread);
      thread.start();
      return thread;
    };
    if (!(log instanceof Promise)) return open(log);
    const opening = log.then(open).finally(() => this.#opening.delete(threadId));
    this.#opening.set(threadId, opening);
    return opening;
  }

  /** Looks at some of them, where the last sweep stopped: a Map's iterator goes on with what came and went meanwhile. */
  sweep(now: number): void {
    const swept = (this.#swept ??= this.#byId.values());
    for (let left = SWEPT_AT_ONCE; left > 0; left--) {
      const next = swept.next();
      if (next.done === true) {
        this.#swept = undefined;
        return;
      }
      next.value.sweep(now);
    }
  }

  forget(thread: ThreadActor): void {
    if (this.#byId.get(thread.id) === thread) this.#byId.delete(thread.id);
  }
}
