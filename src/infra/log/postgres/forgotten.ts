import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** Threads of one statement. */
const AT_ONCE = 100;
/** Threads that may wait; the janitor finds what is dropped. */
const MAX_WAITING = 100_000;

/** Deletes threads that will not be read again: those of connections that have ended. */
export class Forgotten {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #isUsed: (threadId: string) => boolean;
  readonly #waiting = new Set<string>();
  #isAtWork = false;

  /** @param isUsed the thread has a reader, or an append in flight */
  constructor(session: PostgresSession, settings: PostgresLogSettings, isUsed: (threadId: string) => boolean) {
    this.#session = session;
    this.#settings = settings;
    this.#isUsed = isUsed;
  }

  add(threadId: string): void {
    if (this.#waiting.size < MAX_WAITING) this.#waiting.add(threadId);
  }

  tick(): void {
    if (this.#isAtWork || this.#waiting.size === 0) return;
    this.#isAtWork = true;
    // what fails is done with a later tick
    this.#work()
      .catch(() => {})
      .finally(() => (this.#isAtWork = false));
  }

  async #work(): Promise<void> {
    const threads = [...this.#waiting].filter((threadId) => !this.#isUsed(threadId)).slice(0, AT_ONCE);
    if (threads.length === 0) return;
    await this.#session.query(`SELECT ${this.#settings.schema}.forget($1)`, [threads]);
    for (const threadId of threads) this.#waiting.delete(threadId);
  }
}
