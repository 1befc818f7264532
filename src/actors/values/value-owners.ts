import type { LogValues } from '../../api/log-values.ts';

/** Which connections of this process own values, and where: the log removes those of a connection that leaves the thread, or ends. */
export class ValueOwners {
  readonly #log: LogValues | undefined;
  readonly #threads = new Map<string, Set<string>>();

  constructor(log: LogValues | undefined) {
    this.#log = log;
  }

  /** The connection is about to own a value. */
  own(connectionId: string, threadId: string): void {
    this.#threads.set(connectionId, (this.#threads.get(connectionId) ?? new Set()).add(threadId));
  }

  left(connectionId: string, threadId: string): void {
    const threads = this.#threads.get(connectionId);
    if (threads?.delete(threadId) !== true) return;
    if (threads.size === 0) this.#threads.delete(connectionId);
    this.#log?.end(threadId, connectionId);
  }

  ended(connectionId: string): void {
    for (const threadId of this.#threads.get(connectionId) ?? []) this.#log?.end(threadId, connectionId);
    this.#threads.delete(connectionId);
  }
}
