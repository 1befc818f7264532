import type { EntryDraft } from '../../src/index.ts';
import { ENTRY_BYTES, heldBytesOf } from '../../src/infra/log/entry.ts';

export interface ModelRetention {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface ModelEntry {
  readonly offset: number;
  readonly id: string;
  readonly lane: string;
  readonly key: string | undefined;
  readonly expiresAt: number;
  readonly bytes: number;
  readonly heldBytes: number;
  readonly loggedAt: number;
  isSuperseded: boolean;
}

/** The whole model of a log: a list, of which the oldest are forgotten. */
export class ModelLog {
  readonly epoch: string;
  readonly entries: ModelEntry[] = [];
  readonly #retention: ModelRetention;
  first = 1;
  /** What comes after is not forgotten yet, because it has not been offered to anybody. */
  heldAfter = Infinity;

  constructor(epoch: string, retention: ModelRetention) {
    this.epoch = epoch;
    this.#retention = retention;
  }

  get head(): number {
    return this.entries.length;
  }

  at(offset: number): ModelEntry | undefined {
    return this.entries[offset - 1];
  }

  /** The entry with this id among those that are kept. */
  kept(id: string): ModelEntry | undefined {
    return this.entries.slice(this.first - 1).find((entry) => entry.id === id);
  }

  append(draft: EntryDraft, now: number): ModelEntry {
    const { id, lane, key, expiresAt, body } = draft;
    for (const older of this.entries) if (key !== undefined && older.key === key) older.isSuperseded = true;
    const offset = this.head + 1;
    const entry = {
      offset,
      id,
      lane,
      key,
      expiresAt,
      bytes: body.bytes,
      heldBytes: heldBytesOf(draft),
      loggedAt: now,
      isSuperseded: false,
    };
    this.entries.push(entry);
    this.trim(now);
    return entry;
  }

  trim(now: number): void {
    const { maxEntries, maxBytes, maxAgeMs } = this.#retention;
    for (;;) {
      const kept = this.entries.slice(this.first - 1);
      const [oldest] = kept;
      if (oldest === undefined || oldest.offset > this.heldAfter) return;
      const bytes = kept.reduce(
        (sum, { isSuperseded, heldBytes }) => sum + (isSuperseded ? ENTRY_BYTES : heldBytes),
        0,
      );
      const isTooMuch = kept.length > 1 && (kept.length > maxEntries || bytes > maxBytes);
      if (!isTooMuch && oldest.loggedAt + maxAgeMs > now) return;
      this.first++;
    }
  }

  /** Whether somebody who is behind may be left without it. */
  isSkippable(offset: number, now: number): boolean {
    const entry = this.at(offset);
    return entry !== undefined && (entry.isSuperseded || entry.expiresAt <= now);
  }
}
