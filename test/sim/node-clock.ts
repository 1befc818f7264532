import type { Clock, TimerHandle } from '../../src/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

/** The clock of one process: after a crash nothing that it was to do is done. A frozen process does it later. */
export class NodeClock implements Clock {
  readonly #clock: VirtualClock;
  #isDead = false;
  #frozen: (() => void)[] | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimeout(callback: () => void, delayMs: number): TimerHandle {
    return this.#clock.setTimeout(() => this.run(callback), delayMs);
  }

  clearTimeout(handle: TimerHandle): void {
    this.#clock.clearTimeout(handle);
  }

  nextTurn(callback: () => void): void {
    this.#clock.nextTurn(() => this.run(callback));
  }

  /** Does it now, when the process goes on, or never. */
  run(callback: () => void): void {
    if (this.#isDead) return;
    if (this.#frozen === undefined) callback();
    else this.#frozen.push(callback);
  }

  crash(): void {
    this.#isDead = true;
    this.#frozen = undefined;
  }

  /** As SIGSTOP, or an event loop that is held. */
  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const callback of waiting) this.run(callback);
  }
}
