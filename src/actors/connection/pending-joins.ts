/** A join that waits for the application or for a shared log. */
export interface PendingJoin {
  readonly threadId: string;
  /** The connection was in the thread, and left it only to join it again from another position. */
  wasMember: boolean;
  /** The application has not removed the connection from the thread meanwhile. */
  isWanted: boolean;
}

/** The joins of one connection that are not complete. */
export class PendingJoins {
  /** By thread: nearly always one, and a client joins thousands of threads at once. */
  readonly #all = new Map<string, PendingJoin | readonly PendingJoin[]>();

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  has(threadId: string): boolean {
    return this.#all.has(threadId);
  }

  begin(threadId: string): PendingJoin {
    const join = { threadId, wasMember: false, isWanted: true };
    const others = this.#all.get(threadId);
    this.#all.set(threadId, others === undefined ? join : [...listOf(others), join]);
    return join;
  }

  end(join: PendingJoin): void {
    const { threadId } = join;
    const joins = this.#all.get(threadId);
    if (joins === undefined) return;
    const rest = joins === join ? NONE : listOf(joins).filter((other) => other !== join);
    if (rest.length === 0) this.#all.delete(threadId);
    else this.#all.set(threadId, rest);
  }

  /** The connection has entered the thread: true if it had left it only for that. */
  entered(threadId: string): boolean {
    return settle(this.#of(threadId));
  }

  /** The connection leaves the thread: its joins are not wanted any more. True if it had left it only to come back. */
  cancel(threadId: string): boolean {
    const joins = this.#of(threadId);
    this.#all.delete(threadId);
    for (const join of joins) join.isWanted = false;
    return settle(joins);
  }

  #of(threadId: string): readonly PendingJoin[] {
    const joins = this.#all.get(threadId);
    return joins === undefined ? NONE : listOf(joins);
  }
}

const NONE: readonly PendingJoin[] = [];

const listOf = (joins: PendingJoin | readonly PendingJoin[]): readonly PendingJoin[] =>
  'threadId' in joins ? [joins] : joins;

/** True if one of them was a member; none is from now on. */
function settle(joins: readonly PendingJoin[]): boolean {
  let were = false;
  for (const join of joins) {
    were ||= join.wasMember;
    join.wasMember = false;
  }
  return were;
}
