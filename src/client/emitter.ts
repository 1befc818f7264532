import { InvalidOptionError } from './errors.ts';
import { reportGlobally } from './environment.ts';

/** Listeners by event name; what a listener throws is reported and never reaches the emitter. */
export class Emitter<Events extends object> {
  readonly #byEvent: { [E in keyof Events]?: Set<(news: Events[E]) => unknown> } = {};
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Returns the function that takes the listener away again. */
  on<E extends keyof Events>(event: E, listener: (news: Events[E]) => unknown): () => void {
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
