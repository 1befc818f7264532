import type { Flight, LandingWaiter } from '../../infra/native/flight.ts';

/** The landing of what a fan-out has in the air: of the newest flight of each thread of the sender. */
export class Landing {
  #newest: readonly Flight[];
  #awaited: Flight | undefined;

  constructor(newest: readonly Flight[]) {
    this.#newest = newest;
  }

  /** False where it has landed; else the waiter's `onLanded` follows. */
  isAwaitedBy(waiter: LandingWaiter): boolean {
    this.#newest = this.#newest.filter(({ isLanded }) => !isLanded);
    const [flight] = this.#newest;
    if (flight !== undefined && flight !== this.#awaited) flight.await(waiter);
    this.#awaited = flight;
    return flight !== undefined;
  }
}
