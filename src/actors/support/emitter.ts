import { InvalidOptionError } from '../../infra/errors.ts';
import type { Listener } from '../../api/listener.ts';

/** Listeners by event name; what a listener throws is reported and never reaches the emitter. */
export class Emitter<Events extends object> {
  readonly #byEvent: { [E in keyof Events]?: Set<Listener<Events[E]>> } = {};
  readonly #report: (error: unknown) => void;
  readonly #names: Readonly<Record<keyof Events, true>>;

  /** @param names of all events: a listener of another one would wait for ever */
  constructor(report: (error: unknown) => void, names: Readonly<Record<keyof Events, true>>) {
    this.#report = report;
    this.#names = names;
  }

  /**
   * Returns the function that takes the listener away again.
   * @throws InvalidOptionError (`TC_INVALID_OPTION`) for an event that there is not, or a listener that is no function
   */
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    if (!Object.hasOwn(this.#names, event)) {
      const expected = `one of ${Object.keys(this.#names).join(', ')}`;
      throw new InvalidOptionError({ option: 'event', value: event, expected });
    }
    if (typeof listener !== 'function')
      throw new InvalidOptionError({ option: 'listener', value: listener, expected: 'a function' });
    const listeners = (this.#byEvent[event] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  has(event: keyof Events): boolean {
    return (this.#byEvent[event]?.size ?? 0) > 0;
  }

  /**
   * False where nobody listens.
   * @param report for what these listeners throw
   */
  emit<E extends keyof Events>(event: E, news: Events[E], report = this.#report): boolean {
    const listeners = this.#byEvent[event];
    if (listeners === undefined) return false;
    for (const listener of listeners) guarded(() => listener(news), report);
    return listeners.size > 0;
  }
}

/** Runs a user's callback: a throw or a rejected promise is reported, nothing is passed on. */
export function guarded(callback: () => unknown, report: (error: unknown) => void): void {
  try {
    const result = callback();
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}
