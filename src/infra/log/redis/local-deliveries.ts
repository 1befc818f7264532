import type { EntryDraft } from '../../../api/entry.ts';
import type { Appended } from '../../../api/log.ts';
import { wallTime } from '../../time/clock.ts';
import { makeEntry, releaseDraft } from '../entry.ts';
import type { RedisLogSettings } from './options.ts';

/** Maximum ids remembered; beyond it, the oldest is forgotten. */
const REMEMBERED = 10_000;

/**
 * Messages that Redis did not accept in time, and that this process's members get instead (`whenUnavailable: 'deliver-locally'`). Each id
 * is delivered once, for as long as Redis would know it.
 */
export class LocalDeliveries {
  readonly #settings: Pick<RedisLogSettings, 'clock' | 'idempotencyMs'>;
  /** Until when each id is remembered, oldest first. */
  readonly #known = new Map<string, number>();

  constructor(settings: Pick<RedisLogSettings, 'clock' | 'idempotencyMs'>) {
    this.#settings = settings;
  }

  /** The message as a volatile one, which the caller offers and releases; a duplicate is released here. Takes over the draft's body. */
  deliver(draft: EntryDraft): Appended {
    const now = this.#settings.clock.now();
    const entry = makeEntry({ ...draft, lane: 'volatile' }, 0, now, wallTime(this.#settings.clock));
    // a message id cannot contain a space
    const key = `${draft.id} ${draft.threadId}`;
    this.#forget(now);
    const isDuplicate = this.#known.has(key);
    if (isDuplicate) releaseDraft(draft);
    else this.#known.set(key, now + this.#settings.idempotencyMs);
    return { entry, isDuplicate };
  }

  #forget(now: number): void {
    for (const [key, until] of this.#known) {
      if (until > now && this.#known.size < REMEMBERED) return;
      this.#known.delete(key);
    }
  }
}
