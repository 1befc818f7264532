import type { HubState } from '../../api/hub.ts';
import { HubClosedError } from '../../infra/errors.ts';
import type { HubStatus } from '../support/context.ts';

/** The part of a hub's state that its actors may read. */
export class LiveStatus implements HubStatus {
  readonly #state: () => HubState;
  isLogUp = true;

  /** @param state of the hub's machine */
  constructor(state: () => HubState) {
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
