import type { Clock } from '../../api/clock.ts';
import type {
  LogValue,
  LogValues,
  ValueChange,
  ValueDraft,
  ValueLimits,
  ValuesListener,
} from '../../api/log-values.ts';
import { ValueLimitError } from '../errors.ts';
import type { Ledger } from './retention.ts';
import { bytesOf, VALUE_BYTES, ValueTable } from './value-table.ts';

/** The values of one thread. */
interface ThreadValues {
  readonly table: ValueTable;
  readonly listeners: Set<ValuesListener>;
}

/** The values of all threads, in this process. */
export class MemoryValues implements LogValues {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #threads = new Map<string, ThreadValues>();
  readonly #ledger: Ledger = { bytes: 0 };

  /** @param maxBytes of all values together */
  constructor(clock: Clock, maxBytes: number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  set(threadId: string, draft: ValueDraft, limits: ValueLimits): void {
    const { key, json, owner, ttlMs = Infinity } = draft;
    const thread = this.#thread(threadId);
    const { table } = thread;
    table.expire();
    try {
      this.#assertRoom(threadId, table, draft, limits);
    } catch (error) {
      this.#rest(threadId);
      throw error;
    }
    table.put({ key, json, owner, expiresAt: this.#clock.now() + ttlMs });
    notify(thread, [{ key, json }]);
  }

  delete(threadId: string, key: string): boolean {
    const thread = this.#threads.get(threadId);
    const isThere = thread?.table.get(key) !== undefined;
    if (isThere) this.#remove(threadId, [key]);
    return isThere;
  }

  read(threadId: string, key?: string): readonly LogValue[] {
    const table = this.#threads.get(threadId)?.table;
    const values = key === undefined ? [...(table?.values() ?? [])] : [table?.get(key) ?? []].flat();
    return values.map(({ key, json }) => ({ key, json }));
  }

  watch(threadId: string, onValues: ValuesListener): () => void {
    const { listeners } = this.#thread(threadId);
    listeners.add(onValues);
    onValues(this.read(threadId), true);
    return () => {
      if (listeners.delete(onValues)) this.#rest(threadId);
    };
  }

  end(threadId: string, owner: string): void {
    const values = [...(this.#threads.get(threadId)?.table.values() ?? [])];
    const owned = values.filter((value) => value.owner === owner);
    this.#remove(
      threadId,
      owned.map(({ key }) => key),
    );
  }

  erase(threadId: string): void {
    const values = [...(this.#threads.get(threadId)?.table.values() ?? [])];
    this.#remove(
      threadId,
      values.map(({ key }) => key),
    );
  }

  /** Stops the timers: nothing changes any more. */
  close(): void {
    for (const { table } of this.#threads.values()) table.clear();
    this.#threads.clear();
  }

  #assertRoom(threadId: string, table: ValueTable, draft: ValueDraft, { maxKeys, maxBytes }: ValueLimits): void {
    const { key } = draft;
    const former = table.get(key);
    const more = bytesOf(draft) - (former === undefined ? 0 : bytesOf(former));
    const facts = { threadId, key };
    if (former === undefined && table.size >= maxKeys)
      throw new ValueLimitError({ ...facts, limit: 'values.maxKeys', most: maxKeys });
    if (more > 0 && table.bytes + more > maxBytes)
      throw new ValueLimitError({ ...facts, limit: 'values.maxBytes', most: maxBytes });
    if (more > 0 && this.#ledger.bytes + more + VALUE_BYTES > this.#maxBytes)
      throw new ValueLimitError({ ...facts, limit: 'log.maxValueBytes', most: this.#maxBytes });
  }

  #remove(threadId: string, keys: readonly string[]): void {
    const thread = this.#threads.get(threadId);
    if (thread === undefined || keys.length === 0) return;
    for (const key of keys) thread.table.remove(key);
    notify(thread, keys.map(removed));
    this.#rest(threadId);
  }

  #thread(threadId: string): ThreadValues {
    let thread = this.#threads.get(threadId);
    if (thread === undefined) {
      const listeners = new Set<ValuesListener>();
      const table = new ValueTable(this.#clock, this.#ledger, (expired) => {
        notify({ listeners }, expired.map(removed));
        this.#rest(threadId);
      });
      thread = { table, listeners };
      this.#threads.set(threadId, thread);
    }
    return thread;
  }

  /** Forgets a thread without values that is not watched. */
  #rest(threadId: string): void {
    const thread = this.#threads.get(threadId);
    if (thread === undefined || thread.listeners.size > 0 || thread.table.size > 0) return;
    thread.table.clear();
    this.#threads.delete(threadId);
  }
}

const removed = (key: string): ValueChange => ({ key, json: undefined });

function notify({ listeners }: Pick<ThreadValues, 'listeners'>, changes: readonly ValueChange[]): void {
  for (const listener of listeners) listener(changes, false);
}
