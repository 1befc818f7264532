import { setTimeout as pause } from 'node:timers/promises';
import type { Hub } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/**
 * Virtual time beside real sockets: timers fire when the test says so, turns of the event loop are real. A test that does not move it
 * shows that something happens without a timer, however long the machine takes.
 */
export class SteppedClock extends VirtualClock {
  override nextTurn(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves time in small steps, with time for the sockets in between. */
  async advanceUntil(isIt: () => boolean, stepMs = 50): Promise<void> {
    while (!isIt()) {
      await this.advance(stepMs);
      await pause(1);
    }
  }

  /** The same for a promise. */
  async advanceUntilSettled<T>(promise: Promise<T>, stepMs = 50): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.advanceUntil(() => isSettled, stepMs);
    return promise;
  }
}

/** A hub closes by its clock. */
export function closeHub(hub: Hub, clock: unknown): Promise<void> {
  const closed = hub.close();
  return clock instanceof SteppedClock ? clock.advanceUntilSettled(closed) : closed;
}
