import { HubClosedError } from '../../infra/errors.ts';
import type { HubStatus } from '../support/context.ts';

/** The part of a hub's state that its actors may read. */
export class LiveStatus implements HubStatus {
  readonly #state: () => string;
  isLogUp = true;

  /** @param state of the hub's machine */
  constructor(state: () => string) {
    this.#state = state;
  }

  get isRunning(): boolean {
    return this.#state() === 'running';
  }

  assertRunning(action: string): void {
    const state = this.#state();
    if (state !== 'running') throw new HubClosedError({ state, action });
  }
}
