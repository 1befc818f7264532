import { FrameBatch } from './frame-batch.ts';

/**
 * What a hook shows, for `useSyncExternalStore`: an immutable snapshot, a new one only when its content has changed. It begins its work with
 * the first subscriber and ends it with the last one.
 */
export abstract class Store<Snapshot> {
  readonly #subscribers = new Set<() => void>();
  readonly #batch = new FrameBatch(() => this.#publish());
  #snapshot: Snapshot;
  #isRunning = false;

  protected constructor(initial: Snapshot) {
    this.#snapshot = initial;
  }

  readonly getSnapshot = (): Snapshot => this.#snapshot;

  readonly subscribe = (subscriber: () => void): (() => void) => {
    this.#subscribers.add(subscriber);
    if (!this.#isRunning) {
      this.#isRunning = true;
      try {
        this.begin();
      } catch (error) {
        this.#isRunning = false;
        this.#subscribers.delete(subscriber);
        throw error;
      }
    }
    return () => {
      this.#subscribers.delete(subscriber);
      // StrictMode, and one page after another, subscribe again at once
      queueMicrotask(() => {
        if (this.#subscribers.size > 0 || !this.#isRunning) return;
        this.#isRunning = false;
        this.#batch.cancel();
        this.end();
      });
    };
  };

  protected get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Starts to listen. */
  protected abstract begin(): void;

  /** Stops everything that `begin` has started. */
  protected abstract end(): void;

  /** What there is to show now; called only after a change. The former snapshot if the content is the same. */
  protected abstract take(): Snapshot;

  /** Shown with the next frame. */
  protected changed(): void {
    if (this.#isRunning) this.#batch.schedule();
  }

  /** Shown now. */
  protected changedNow(): void {
    if (this.#isRunning) this.#batch.flush();
  }

  #publish(): void {
    const former = this.#snapshot;
    this.#snapshot = this.take();
    if (this.#snapshot === former) return;
    for (const subscriber of this.#subscribers) subscriber();
  }
}
