import type { Frame } from '../../api/entry.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { Task } from '../support/slice-scheduler.ts';
import { Round } from '../sweep/round.ts';

/** Sends a notice to all connections, in slices of the scheduler: ten thousand system calls at once would block the event loop. */
export class BroadcastNotice implements Task {
  readonly #round: Round<ConnectionActor>;
  #notice: Frame | undefined;

  constructor(connections: { values(): Iterator<ConnectionActor> }, now: () => number) {
    this.#round = new Round(connections, now, (connection) => {
      if (this.#notice !== undefined) connection.sendNotice(this.#notice);
    });
  }

  /** A new notice for all. Connections that have not received the previous one do not need it any more. */
  begin(notice: Frame): void {
    this.#notice = notice;
    this.#round.restart();
  }

  run(deadline: number): boolean {
    return this.#round.run(deadline);
  }
}
