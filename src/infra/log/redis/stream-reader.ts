import { decodeAnchor, decodeEntries, type Anchor, type Arrival } from './codec.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings, ThreadKeys } from './options.ts';
import { ANCHOR } from './scripts.ts';

/** Entries of a page at most, and bytes that are aimed at: one reply must not hold Redis, nor the event loop. */
const MAX_PAGE = 512;
const FIRST_PAGE = 64;
const PAGE_BYTES = 512 * 1024;

/** What Redis has of one thread. */
export type LogSource = Pick<StreamReader, 'anchor' | 'after' | 'before'>;

/** Reads one thread's log from Redis, in pages whose size follows the size of the messages. */
export class StreamReader {
  readonly #link: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #keys: ThreadKeys;
  #pageSize = FIRST_PAGE;

  constructor(threadId: string, link: RedisSession, settings: RedisLogSettings) {
    this.#link = link;
    this.#settings = settings;
    this.#keys = settings.keys(threadId);
  }

  /** @param known a position that is asked about */
  async anchor(known?: { readonly epoch: string; readonly offset: number }): Promise<Anchor> {
    const { newEpoch, redisNow, metaMs } = this.#settings;
    const { meta, stream } = this.#keys;
    const args = [newEpoch(), redisNow(), String(metaMs), known?.epoch ?? '', String(known?.offset ?? 0)];
    return decodeAnchor(await this.#link.run(ANCHOR, [meta, stream], args));
  }

  /** Entries from an offset on, oldest first; empty where there are none. */
  after(from: number, epoch: string, limit = MAX_PAGE): Promise<Arrival[]> {
    return this.#page(['XRANGE', this.#keys.stream, String(from), '+'], epoch, limit);
  }

  /** Entries from an offset down to another one, newest first. */
  before(from: number, to: number, epoch: string): Promise<Arrival[]> {
    return this.#page(['XREVRANGE', this.#keys.stream, String(from), String(to)], epoch, MAX_PAGE);
  }

  async #page(command: readonly string[], epoch: string, limit: number): Promise<Arrival[]> {
    const count = Math.min(limit, this.#pageSize);
    const entries = decodeEntries(await this.#ask([...command, 'COUNT', String(count)]), epoch);
    const bytes = entries.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
    if (bytes > PAGE_BYTES) this.#shrink();
    else if (entries.length === count && bytes < PAGE_BYTES / 4)
      this.#pageSize = Math.min(MAX_PAGE, this.#pageSize * 2);
    return entries;
  }

  async #ask(command: readonly string[]): Promise<unknown> {
    try {
      return await this.#link.call(this.#keys.stream, command);
    } catch (error) {
      // perhaps it was too much for the way: asked for again as it was, it would never come
      this.#shrink();
      throw error;
    }
  }

  #shrink(): void {
    this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 4));
  }
}
