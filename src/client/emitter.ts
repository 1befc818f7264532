import { InvalidOptionError } from './errors.ts';
import { reportGlobally } from './environment.ts';

/** Listeners by event name. An error that a listener throws is reported and never reaches the emitter. */
export abstract class Emitter<Events extends object> {
  readonly #byEvent: { [E in keyof Events]?: Set<(news: Events[E]) => unknown> } = {};
  readonly #events: readonly (keyof Events)[];

  /** @param events all event names */
  constructor(events: readonly (keyof Events)[]) {
    this.#events = events;
  }

  /** A listener has thrown. */
  abstract report(error: unknown): void;

  /**
   * Adds a listener and returns the function that removes it.
   * @throws InvalidOptionError for an unknown event, or a listener that is not a function
   */
  on<E extends keyof Events>(event: E, listener: (news: Events[E]) => unknown): () => void {
    if (!this.#events.includes(event)) throw new InvalidOptionError({ option: 'event', expected: this.#events.join() });
    if (typeof listener !== 'function') throw new InvalidOptionError({ option: 'listener', expected: 'function' });
    const listeners = (this.#byEvent[event] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  has(event: keyof Events): boolean {
    return !!this.#byEvent[event]?.size;
  }

  /** False without a listener. */
  emit<E extends keyof Events>(event: E, news: Events[E]): boolean {
    const listeners = this.#byEvent[event];
    if (!listeners?.size) return false;
    // an `error` listener that throws does not receive its own error
    const report = event === 'error' ? reportGlobally : (error: unknown) => this.report(error);
    for (const listener of listeners) {
      try {
        const result = listener(news);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
    return true;
  }
}
