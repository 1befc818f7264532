import type { Household } from './household.ts';
import { guarded } from '../support/emitter.ts';
import { ConnectionSweep } from '../sweep/connection-sweep.ts';
import { SweepTimer } from '../sweep/sweep-timer.ts';

/** What a hub does once in `sweepMs`: one look at everything. */
export class PeriodicWork {
  readonly #household: Household;
  /** Asked at each sweep, until their answer is true. */
  readonly #looks: Set<() => boolean>;
  readonly #sweeper: SweepTimer;
  readonly #round: ConnectionSweep;

  constructor(household: Household, looks: Set<() => boolean>) {
    this.#household = household;
    this.#looks = looks;
    const { clock, settings, turns } = household.engine;
    this.#round = new ConnectionSweep(household.lobby, clock, settings.sweepMs / 2, (round) => turns.add(round));
    this.#sweeper = new SweepTimer(clock, settings.sweepMs, (_, isFair) => this.#sweep(isFair));
  }

  /** The most that the event loop was late lately. */
  get lateMs(): number {
    return this.#sweeper.lateMs;
  }

  start(): void {
    this.#sweeper.start();
  }

  stop(): void {
    this.#sweeper.stop();
    this.#round.stop();
  }

  /** Asks all who want to be asked. */
  look(): void {
    for (const look of this.#looks) if (look()) this.#looks.delete(look);
  }

  #sweep(isFair: boolean): void {
    const { engine, threads } = this.#household;
    this.#round.begin(isFair);
    threads.sweep();
    guarded(() => engine.settings.log.sweep(), engine.report);
    engine.serializer.sweep();
    this.look();
  }
}
