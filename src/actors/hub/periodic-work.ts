import { ConnectionSweep } from '../sweep/connection-sweep.ts';
import { SweepTimer } from '../sweep/sweep-timer.ts';
import { Round } from '../sweep/round.ts';
import type { InputBudgets } from '../connection/input-budgets.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { HubContext } from '../support/context.ts';
import type { Task } from '../support/slice-scheduler.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** What the hub checks in each sweep. */
interface SweptParts {
  readonly connections: Pick<ConnectionRegistry, 'sockets'>;
  readonly threads: Pick<ThreadRegistry, 'sweep'>;
  readonly serializer: Pick<SerializerActor, 'sweep'>;
  readonly budgets: Pick<InputBudgets, 'sweep'>;
}

/** The work of a hub once in `sweepMs`: one look at everything, in slices of the scheduler. */
export class PeriodicWork {
  readonly #parts: SweptParts;
  readonly #scheduler: HubContext['scheduler'];
  readonly #sweeper: SweepTimer;
  readonly #round: ConnectionSweep;
  readonly #looks: Round<() => boolean>;
  readonly #log: Task;

  /** @param looks called at each sweep, until they return true */
  constructor(context: HubContext, parts: SweptParts, looks: Set<() => boolean>) {
    const { clock, settings, scheduler, now } = context;
    this.#parts = parts;
    this.#scheduler = scheduler;
    this.#round = new ConnectionSweep(parts.connections.sockets, clock, settings.sweepMs / 2, (round) =>
      scheduler.add(round),
    );
    this.#looks = new Round(looks, now, (look) => {
      if (look()) looks.delete(look);
    });
    this.#log = { isPatient: true, run: (deadline) => settings.log.sweep(() => now() >= deadline) !== false };
    this.#sweeper = new SweepTimer(clock, settings.sweepMs, (_, lostMs) => this.#sweep(lostMs));
  }

  /** The largest recent delay of the event loop. */
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

  /** Calls all callbacks that wait for a sweep. */
  look(): void {
    this.#scheduler.add(this.#looks);
  }

  #sweep(lostMs: number): void {
    const { threads, serializer, budgets } = this.#parts;
    this.#round.begin(lostMs);
    threads.sweep();
    this.#scheduler.add(this.#log);
    serializer.sweep();
    budgets.sweep();
    this.look();
  }
}
