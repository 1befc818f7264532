import { InvalidOptionError } from '../../infra/errors.ts';
import type { Listener } from '../../api/listener.ts';

/** Listeners by event name. An error that a listener throws is reported and never reaches the emitter. */
export class Emitter<Events extends object> {
  readonly #byEvent: { [E in keyof Events]?: Set<Listener<Events[E]>> } = {};
  readonly #report: (error: unknown) => void;
  readonly #names: Readonly<Record<keyof Events, true>>;

  /** @param names all event names; a listener for any other name would wait forever */
  constructor(report: (error: unknown) => void, names: Readonly<Record<keyof Events, true>>) {
    this.#report = report;
    this.#names = names;
  }

  /**
   * Adds a listener and returns the function that removes it.
   * @throws InvalidOptionError (`TC_INVALID_OPTION`) for an unknown event, or a listener that is not a function
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
   * False if there is no listener.
   * @param report receives what these listeners throw
   */
  emit<E extends keyof Events>(event: E, news: Events[E], report = this.#report): boolean {
    const listeners = this.#byEvent[event];
    if (listeners === undefined) return false;
    for (const listener of listeners) guarded(() => listener(news), report);
    return listeners.size > 0;
  }
}

/** Runs an application's callback. A throw or a rejected promise is reported; nothing is passed on. */
export function guarded(callback: () => unknown, report: (error: unknown) => void): void {
  try {
    const result = callback();
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}
