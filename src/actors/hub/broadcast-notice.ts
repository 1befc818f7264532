import type { Frame } from '../../api/entry.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { Task } from '../support/slice-scheduler.ts';

/** Connections between two looks at the clock: each is a system call. */
const VISITS_PER_LOOK = 16;

/** Sends a notice to all connections, in slices of the scheduler: ten thousand system calls at once would block the event loop. */
export class BroadcastNotice implements Task {
  readonly #connections: () => Iterable<ConnectionActor>;
  readonly #now: () => number;
  #notice: Frame | undefined;
  /** A Map's iterator continues where it stopped; it includes connections added meanwhile and omits removed ones. */
  #rest: Iterator<ConnectionActor> | undefined;

  constructor(connections: () => Iterable<ConnectionActor>, now: () => number) {
    this.#connections = connections;
    this.#now = now;
  }

  /** A new notice for all. Connections that have not received the previous one do not need it any more. */
  begin(notice: Frame): void {
    this.#notice = notice;
    this.#rest = this.#connections()[Symbol.iterator]();
  }

  run(deadline: number): boolean {
    const notice = this.#notice;
    for (let visits = 1; ; visits++) {
      const next = this.#rest?.next();
      if (notice === undefined || next === undefined || next.done === true) break;
      next.value.sendNotice(notice);
      if (visits % VISITS_PER_LOOK === 0 && this.#now() >= deadline) return false;
    }
    this.#rest = undefined;
    return true;
  }
}
