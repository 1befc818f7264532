import { ENTRY_BYTES } from '../entry.ts';
import type { StoredDraft } from '../entry.ts';
import type { LogBuffer } from '../log-buffer.ts';
import { bytesOf } from './arrival.ts';
import { draftOf } from './draft-of.ts';
import type { Placing } from './entry-placement.ts';
import type { TailHost } from './tail-host.ts';

/** Reads older entries, which a tail does not hold yet, when a reader needs them. */
export class Backfill {
  readonly #buffer: LogBuffer;
  readonly #placing: Placing;
  readonly #host: TailHost;
  #hasEnded = false;
  /** The log has nothing older than the oldest held entry. */
  #isComplete = false;
  #loading: Promise<void> | undefined;
  /** Number of readers that wait for older entries. */
  #readers = 0;

  constructor(buffer: LogBuffer, placing: Placing, host: TailHost) {
    this.#buffer = buffer;
    this.#placing = placing;
    this.#host = host;
  }

  get isLoading(): boolean {
    return this.#readers > 0;
  }

  /** The tail begins again at another position. */
  restart(): void {
    this.#isComplete = false;
  }

  /** The thread has no reader any more. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Reads older entries, the newest of them first; undefined if there are none to read. */
  load(oldest: number): Promise<void> | undefined {
    if (!this.#isMissing(oldest)) return undefined;
    this.#readers++;
    return this.#loadAll(oldest).finally(() => this.#readers--);
  }

  #isMissing(oldest: number): boolean {
    const buffer = this.#buffer;
    const { settings, isClosed, threadId } = this.#host;
    const isFull = buffer.hasTrimmed || buffer.head - buffer.first + 1 >= settings.retentionOf(threadId).maxEntries;
    return oldest < buffer.first && !this.#isComplete && !isFull && !this.#hasEnded && !isClosed;
  }

  async #loadAll(oldest: number): Promise<void> {
    const { ledger, maxTotalBytes } = this.#host.settings;
    while (this.#isMissing(oldest)) {
      if (ledger.bytes > maxTotalBytes) {
        // many read at the same time, and none of them can release memory: they continue from here, with a gap
        if (!(await this.#host.makeRoom())) return;
        continue;
      }
      this.#loading ??= this.#loadPage(oldest).finally(() => {
        this.#loading = undefined;
      });
      await this.#loading;
    }
  }

  async #loadPage(oldest: number): Promise<void> {
    const buffer = this.#buffer;
    const { settings, source, threadId } = this.#host;
    const { maxEntries, maxAgeMs, maxBytes } = settings.retentionOf(threadId);
    const { epoch, first } = buffer;
    const page = await source.before(first - 1, Math.max(oldest, buffer.head - maxEntries + 1), epoch);
    // the tail has moved meanwhile: the readers ask again
    if (buffer.epoch !== epoch || buffer.first !== first || this.#hasEnded) return;
    const now = settings.clock.now();
    const older: StoredDraft[] = [];
    let bytes = buffer.bytes;
    for (const arrival of page) {
      const loggedAt = this.#placing.loggedAt(arrival);
      bytes += ENTRY_BYTES + bytesOf(arrival);
      if (arrival.offset !== first - 1 - older.length || loggedAt + maxAgeMs <= now || bytes > maxBytes) break;
      older.push({ draft: draftOf(threadId, arrival, loggedAt), offset: arrival.offset, loggedAt });
    }
    if (older.length < page.length || page.length === 0) this.#isComplete = true;
    if (older.length > 0) buffer.prepend(older.reverse());
  }
}
