import type { HubParts } from './hub-parts.ts';
import { ConnectionSweep } from '../sweep/connection-sweep.ts';
import { SweepTimer } from '../sweep/sweep-timer.ts';
import { LookRound } from '../sweep/look-round.ts';
import type { Task } from '../support/slice-scheduler.ts';

/** What a hub does once in `sweepMs`: one look at everything, in the turns' slices. */
export class PeriodicWork {
  readonly #parts: HubParts;
  readonly #sweeper: SweepTimer;
  readonly #round: ConnectionSweep;
  readonly #looks: LookRound;
  readonly #log: Task;

  /** @param looks asked at each sweep, until their answer is true */
  constructor(parts: HubParts, looks: Set<() => boolean>) {
    this.#parts = parts;
    const { clock, settings, scheduler, now } = parts.services;
    this.#round = new ConnectionSweep(parts.connections.sockets, clock, settings.sweepMs / 2, (round) =>
      scheduler.add(round),
    );
    this.#looks = new LookRound(looks, now);
    this.#log = { run: (deadline) => settings.log.sweep(() => now() >= deadline) !== false };
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
    this.#looks.begin();
    this.#parts.services.scheduler.add(this.#looks);
  }

  #sweep(isFair: boolean): void {
    const { services, threads } = this.#parts;
    this.#round.begin(isFair);
    threads.sweep();
    services.scheduler.add(this.#log);
    services.serializer.sweep();
    services.budgets.sweep();
    this.look();
  }
}
