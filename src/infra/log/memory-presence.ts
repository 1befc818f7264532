import type { LogPresence } from '../../api/log-presence.ts';

/** The members of the only process. */
export class MemoryPresence implements LogPresence {
  readonly #threads = new Map<string, Set<string>>();

  add(threadId: string, member: string): void {
    this.#threads.set(threadId, (this.#threads.get(threadId) ?? new Set()).add(member));
  }

  remove(threadId: string, member: string): void {
    const members = this.#threads.get(threadId);
    members?.delete(member);
    if (members?.size === 0) this.#threads.delete(threadId);
  }

  list(threadId: string): readonly string[] {
    return [...(this.#threads.get(threadId) ?? [])];
  }
}
