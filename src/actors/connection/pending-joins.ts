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
  readonly #all = new Set<PendingJoin>();

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  has(threadId: string): boolean {
    return this.#of(threadId).length > 0;
  }

  begin(threadId: string): PendingJoin {
    const join = { threadId, wasMember: false, isWanted: true };
    this.#all.add(join);
    return join;
  }

  end(join: PendingJoin): void {
    this.#all.delete(join);
  }

  /** The connection has entered the thread: true if it had left it only for that. */
  entered(threadId: string): boolean {
    return settle(this.#of(threadId));
  }

  /** The connection leaves the thread: its joins are not wanted any more. True if it had left it only to come back. */
  cancel(threadId: string): boolean {
    const joins = this.#of(threadId);
    for (const join of joins) {
      join.isWanted = false;
      this.#all.delete(join);
    }
    return settle(joins);
  }

  #of(threadId: string): readonly PendingJoin[] {
    return [...this.#all].filter((join) => join.threadId === threadId);
  }
}

/** True if one of them was a member; none is from now on. */
function settle(joins: readonly PendingJoin[]): boolean {
  const were = joins.filter(({ wasMember }) => wasMember);
  for (const join of were) join.wasMember = false;
  return were.length > 0;
}
