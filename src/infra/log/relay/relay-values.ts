import type {
  LogValue,
  LogValues,
  ValueChange,
  ValueDraft,
  ValueLimits,
  ValuesListener,
} from '../../../api/log-values.ts';
import { ValueLimitError } from '../../errors.ts';
import { isObject } from '../../wire/json-object.ts';
import { countIn, textIn } from './frames.ts';
import type { Ask } from './relay-parts.ts';
import { RelayRefusal, type RelaySession } from './session.ts';

/** The values of threads, kept by the relay's log. Owners are told to the relay with their node. */
export class RelayValues implements LogValues {
  readonly #session: RelaySession;
  readonly #ask: Ask;
  readonly #listeners = new Map<string, Set<ValuesListener>>();
  /** Owners whose end the relay has not confirmed. */
  readonly #ended = new Map<string, { readonly th: string; readonly owner: string }>();

  constructor(session: RelaySession, ask: Ask) {
    this.#session = session;
    this.#ask = ask;
  }

  async set(threadId: string, draft: ValueDraft, limits: ValueLimits): Promise<void> {
    try {
      await this.#ask(threadId, () => this.#session.call({ t: 'set', th: threadId, draft, limits }));
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (!(cause instanceof RelayRefusal) || cause.why !== 'TC_VALUE_LIMIT') throw error;
      const { limit, most } = cause.head;
      throw new ValueLimitError({ threadId, key: draft.key, limit: limitOf(limit), most: countIn(most) });
    }
  }

  async delete(threadId: string, key: string): Promise<boolean> {
    const { head } = await this.#ask(threadId, () => this.#session.call({ t: 'del', th: threadId, key }));
    return head['was'] === true;
  }

  async read(threadId: string, key?: string): Promise<readonly LogValue[]> {
    const { head } = await this.#ask(threadId, () => this.#session.call({ t: 'vals', th: threadId, key }));
    return changesIn(head['l']).flatMap(({ key, json }) => (json === undefined ? [] : [{ key, json }]));
  }

  watch(threadId: string, onValues: ValuesListener): () => void {
    const listeners = this.#listeners.get(threadId) ?? new Set();
    this.#listeners.set(threadId, listeners.add(onValues));
    // a second listener gets all values too: the first may hear them again
    this.#session.tell({ t: 'watch', th: threadId });
    return () => {
      if (!listeners.delete(onValues) || listeners.size > 0 || this.#listeners.get(threadId) !== listeners) return;
      this.#listeners.delete(threadId);
      this.#session.tell({ t: 'unwatch', th: threadId });
    };
  }

  end(th: string, owner: string): void {
    this.#ended.set(`${th} ${owner}`, { th, owner });
    this.#tellEnd(th, owner);
  }

  // --- for the log

  news(threadId: string, list: unknown, isWhole: boolean): void {
    for (const listener of this.#listeners.get(threadId) ?? []) listener(changesIn(list), isWhole);
  }

  reconnected(): void {
    for (const th of this.#listeners.keys()) this.#session.tell({ t: 'watch', th });
    for (const { th, owner } of this.#ended.values()) this.#tellEnd(th, owner);
  }

  #tellEnd(th: string, owner: string): void {
    this.#session.call({ t: 'end', th, owner }).then(
      () => this.#ended.delete(`${th} ${owner}`),
      () => {},
    );
  }
}

function changesIn(list: unknown): ValueChange[] {
  return (Array.isArray(list) ? list : []).flatMap((each: unknown) => {
    if (!isObject(each) || typeof each['key'] !== 'string') return [];
    const { key, json } = each;
    return [{ key, json: typeof json === 'string' ? json : undefined }];
  });
}

const LIMITS = [
  'values.maxKeys',
  'values.maxValueBytes',
  'values.maxBytes',
  'values.maxPerSecond',
  'log.maxValueBytes',
] as const;

const limitOf = (value: unknown): (typeof LIMITS)[number] =>
  LIMITS.find((limit) => limit === textIn(value)) ?? 'values.maxBytes';
