import { checkOptions } from './check-options.ts';
import { isText } from './fields.ts';
import { UnserializableMessageError } from './errors.ts';
import { Emitter } from './emitter.ts';
import type { ValueOf } from '../api/values.ts';
import type { FedValues, SetClientValueOptions, ValuesEvents, ValuesHost } from './values-api.ts';

/**
 * Keyed values of threads, for `threadcast/client`: `connect(url, { values })`. Then each thread has its `values`, and the client asks the server
 * for them.
 */
export const values = (host: ValuesHost, threadId: string): FedValues => new ThreadView(host, threadId);

class ThreadView extends Emitter<ValuesEvents> implements FedValues {
  readonly asks = { values: true } as const;
  readonly #threadId: string;
  readonly #host: ValuesHost;
  /** What is set again after a reconnect, as the frame's fields. */
  readonly #owned = new Map<string, object>();
  readonly #byKey = new Map<string, ReturnType<typeof JSON.parse>>();
  isKnown = false;

  constructor(host: ValuesHost, threadId: string) {
    super(['value']);
    this.#host = host;
    this.#threadId = threadId;
  }

  get<Key extends string>(key: Key): ValueOf<object, Key> | undefined {
    return this.#byKey.get(key);
  }

  entries(): IterableIterator<[string, unknown]> {
    return new Map(this.#byKey).entries();
  }

  async set(key: string, value: unknown, options: SetClientValueOptions = {}): Promise<void> {
    const { ttlMs, owned = false } = checkOptions<SetClientValueOptions>(options, { ttlMs: 1, owned: 'boolean' });
    const fields = { ms: ttlMs, own: owned || undefined, d: value };
    if (JSON.stringify(value) === undefined) throw new UnserializableMessageError({ cause: undefined });
    if (owned && ttlMs === undefined) this.#owned.set(key, fields);
    else this.#owned.delete(key);
    try {
      await this.#send(key, fields);
    } catch (error) {
      if (this.#owned.get(key) === fields) this.#owned.delete(key);
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    this.#owned.delete(key);
    await this.#send(key, {});
  }

  override report(error: unknown): void {
    this.#host.report(error);
  }

  take(list: unknown, all: unknown): void {
    const isAll = all === true;
    const kept = new Set<unknown>();
    const changes = new Map<string, readonly unknown[]>();
    for (const entry of Array.isArray(list) ? list : []) {
      if (!Array.isArray(entry) || !isText(entry[0])) continue;
      changes.set(entry[0], entry);
      kept.add(entry[0]);
    }
    const wasKnown = this.isKnown;
    this.isKnown ||= isAll;
    const gone = isAll ? [...this.#byKey.keys()].filter((key) => !kept.has(key)) : [];
    for (const key of gone) this.#put(key);
    for (const [key, entry] of changes) {
      if (entry.length > 1) this.#put(key, { value: entry[1] });
      else this.#put(key);
    }
    // a join, perhaps on a new connection
    if (isAll && wasKnown) for (const [key, fields] of this.#owned) this.#restore(key, fields);
  }

  #put(key: string, held?: { readonly value: unknown }): void {
    const isSame = held ? JSON.stringify(this.#byKey.get(key)) === JSON.stringify(held.value) : !this.#byKey.has(key);
    if (held) this.#byKey.set(key, held.value);
    else this.#byKey.delete(key);
    if (!isSame) this.emit('value', { key, value: held?.value });
  }

  #restore(key: string, fields: object): void {
    this.#send(key, fields).catch((error: unknown) => {
      if (this.#owned.get(key) === fields) this.#owned.delete(key);
      this.#host.report(error);
    });
  }

  async #send(key: string, fields: object): Promise<void> {
    const id = this.#host.settings.newId();
    const frame = { t: 'val', th: this.#threadId, id, key, ...fields };
    await this.#host.request(this.#threadId, id, JSON.stringify(frame), {});
  }
}
