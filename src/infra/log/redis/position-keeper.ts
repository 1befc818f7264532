import type { Position } from '../../../api/log.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { KEEP_POSITIONS } from './batch-scripts.ts';
import { KEEP_POSITION } from './scripts.ts';

/** Delay between a thread's first append and the write of its position: far less than its log lives without one. */
const DELAY_MS = 10_000;
const MAX_AT_ONCE = 64;

/**
 * Writes the threads' positions to keys of their own, which outlive the logs. A busy thread is written from time to time, with others. A crash
 * may lose a write; that matters only if nothing is sent to the thread until its log has expired.
 */
export class PositionKeeper {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  /** Oldest first. */
  readonly #unwritten = new Map<string, { readonly since: number; position: Position }>();

  constructor(session: RedisSession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
  }

  note(threadId: string, position: Position): void {
    const known = this.#unwritten.get(threadId);
    if (known !== undefined) known.position = position;
    else this.#unwritten.set(threadId, { since: this.#settings.clock.now(), position });
  }

  /** The thread has been forgotten. */
  drop(threadId: string): void {
    this.#unwritten.delete(threadId);
  }

  tick(): void {
    if (this.#session.connection === undefined) return;
    const due = this.#settings.clock.now() - DELAY_MS;
    let left = MAX_AT_ONCE;
    for (const [threadId, { since, position }] of this.#unwritten) {
      if (since > due || left-- === 0) return;
      this.#unwritten.delete(threadId);
      this.#write(threadId, position);
    }
  }

  /** Writes all positions that are left: the log is being closed. */
  flush(): void {
    for (const [threadId, { position }] of this.#unwritten) this.#write(threadId, position);
    this.#unwritten.clear();
  }

  #write(threadId: string, { epoch, offset, id }: Position): void {
    const { keys, positionsMs, cluster } = this.#settings;
    const key = keys.thread(threadId).position;
    const position = [epoch, String(offset), id];
    const lifeMs = String(positionsMs);
    const written =
      cluster === undefined
        ? this.#session.together(KEEP_POSITIONS, [lifeMs], [key], position)
        : this.#session.run(KEEP_POSITION, [key], [...position, lifeMs]);
    written.catch(() => {});
  }
}
