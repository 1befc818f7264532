import { InvalidOptionError } from './errors.ts';
import { reportGlobally } from './environment.ts';

/** Listeners by event name; what a listener throws is reported and never reaches the emitter. */
export class Emitter<Events extends object> {
  readonly #byEvent: { [E in keyof Events]?: Set<(news: Events[E]) => unknown> } = {};
  readonly #events: readonly (keyof Events)[];
  readonly #report: (error: unknown) => void;

  /** @param events all there are */
  constructor(events: readonly (keyof Events)[], report: (error: unknown) => void) {
    this.#events = events;
    this.#report = report;
  }

  /**
   * Returns the function that takes the listener away again.
   * @throws InvalidOptionError for an event that there is not, or a listener that is no function
   */
  on<E extends keyof Events>(event: E, listener: (news: Events[E]) => unknown): () => void {
    if (!this.#events.includes(event)) throw new InvalidOptionError({ option: 'event', expected: this.#events.join() });
    if (typeof listener !== 'function') throw new InvalidOptionError({ option: 'listener', expected: 'a function' });
    const listeners = (this.#byEvent[event] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  has(event: keyof Events): boolean {
    return (this.#byEvent[event]?.size ?? 0) > 0;
  }

  /** False when nobody listens. */
  emit<E extends keyof Events>(event: E, news: Events[E]): boolean {
    const listeners = this.#byEvent[event];
    if (listeners === undefined || listeners.size === 0) return false;
    // an error listener that throws is not told of its own error
    const report = event === 'error' ? reportGlobally : this.#report;
    for (const listener of listeners) guarded(() => listener(news), report);
    return true;
  }
}

/** Runs a user's callback: a throw or a rejected promise is reported, nothing is passed on. */
function guarded(callback: () => unknown, report: (error: unknown) => void): void {
  try {
    const result = callback();
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}
