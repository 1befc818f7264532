import type { Clock } from '../../api/clock.ts';

/** Joins of all clients in one turn of the event loop: about a millisecond's worth. */
const PER_TURN = 32;

/** A client that has asked for many threads. */
export interface JoiningClient {
  /** Begins one of its joins; false where it has none left, or takes no answers now. */
  joinNext(): boolean;
}

/**
 * Thousands of clients come back together, each with many threads: their joins are begun a few in each turn of the event loop, a client
 * after the other.
 */
export class JoinPacer {
  readonly #clock: Clock;
  readonly #clients = new Set<JoiningClient>();
  #isWaiting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adding a client that waits already changes nothing. */
  add(client: JoiningClient): void {
    this.#clients.add(client);
    this.#awaitTurn();
  }

  readonly #turn = (): void => {
    this.#isWaiting = false;
    let left = PER_TURN;
    // a Set goes on with what was added meanwhile: each client's next join is at its end
    for (const client of this.#clients) {
      if (left-- === 0) break;
      this.#clients.delete(client);
      if (client.joinNext()) this.#clients.add(client);
    }
    if (this.#clients.size > 0) this.#awaitTurn();
  };

  #awaitTurn(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.nextTurn(this.#turn);
  }
}
