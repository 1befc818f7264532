import type { Clock } from '../../api/clock.ts';
import { guarded } from '../support/emitter.ts';

/** What gathers writes until it is let go. */
interface Corkable {
  cork(): void;
  uncork(): void;
}

/** The joins that are answered in one turn of the event loop leave a connection in one system call, which costs as much as all else of a join. */
export class AnswerBatch {
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #gathering = new Set<Corkable>();

  constructor(clock: Clock, report: (error: unknown) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** What is written to it from now on leaves at the end of this turn. */
  gather(writer: Corkable): void {
    if (this.#gathering.has(writer)) return;
    if (this.#gathering.size === 0) this.#clock.nextTurn(this.#leave);
    this.#gathering.add(writer);
    guarded(() => writer.cork(), this.#report);
  }

  readonly #leave = (): void => {
    for (const writer of this.#gathering) guarded(() => writer.uncork(), this.#report);
    this.#gathering.clear();
  };
}
