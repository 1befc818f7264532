import type { Clock } from '../../../api/clock.ts';
import type { LogValue, ValueChange, ValuesListener } from '../../../api/log-values.ts';
import { pause } from '../../time/pause.ts';
import type { Ledger } from '../retention.ts';
import { ValueTable, type HeldValue } from '../value-table.ts';
import { nodeOf, type StoredValue, type StoredValues, type ValueNews } from './stored-values.ts';

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/** Changes that may come while the values are being read; with more, they are read again. */
const MAX_EARLY = 1_000;

/** What a view needs from its log. */
export interface ValuesSource {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly isClosed: boolean;
  /** All values of the thread. The thread's channel is subscribed by then, so that no later change is missed. */
  read(threadId: string): Promise<StoredValues>;
  /** Which of these nodes are dead, or unknown. */
  deadAmong(nodes: ReadonlySet<string>): Promise<ReadonlySet<string>>;
}

/**
 * The values of one thread in this process, kept equal to the shared log's. Each change has a number: where one is missing, all are read anew. Values
 * of dead nodes are held, and not shown.
 */
export class ValuesView {
  readonly threadId: string;
  readonly listeners = new Set<ValuesListener>();
  readonly #source: ValuesSource;
  readonly #table: ValueTable;
  #dead: ReadonlySet<string> = new Set();
  #epoch = '';
  #revision = 0;
  /** Changes that came while the values are being read; undefined when they are not. */
  #early: ValueNews[] | undefined;
  #isAnotherWanted = false;
  /** They have been read once. */
  #isLoaded = false;

  constructor(threadId: string, source: ValuesSource) {
    this.threadId = threadId;
    this.#source = source;
    this.#table = new ValueTable(source.clock, source.ledger, (expired) => this.#emit(expired.map(removed)));
  }

  /** It has no listener any more. */
  get isEnded(): boolean {
    return this.listeners.size === 0 || this.#source.isClosed;
  }

  /** A new listener: it gets all values that there are. */
  greet(listener: ValuesListener): void {
    if (this.#isLoaded) listener(this.#visible, true);
  }

  /** This is the newest change that it knows, or it is being read anyway. */
  isAt(epoch: string, revision: number): boolean {
    return this.#early !== undefined || (epoch === this.#epoch && revision === this.#revision);
  }

  /** The nodes that own values. */
  get nodes(): ReadonlySet<string> {
    return nodesOf(this.#table.values());
  }

  /** The connections of a node that own values. */
  ownersOf(nodeId: string): ReadonlySet<string> {
    const owners = [...this.#table.values()].map(({ owner = '' }) => owner);
    return new Set(owners.filter((owner) => nodeOf(owner) === nodeId));
  }

  /** A change has been published. */
  take(news: ValueNews): void {
    if (this.#early === undefined) {
      if (!this.#place(news)) void this.reread();
    } else if (this.#early.length < MAX_EARLY) this.#early.push(news);
    else this.#isAnotherWanted = true;
  }

  /** Changes may have been missed: reads all values, and tries until it succeeds. Never rejects. */
  async reread(): Promise<void> {
    this.#isAnotherWanted = true;
    if (this.#early !== undefined) return;
    this.#early = [];
    for (let attempt = 0; this.#isAnotherWanted && !this.isEnded; attempt++) {
      this.#isAnotherWanted = false;
      try {
        const stored = await this.#source.read(this.threadId);
        const dead = await this.#source.deadAmong(nodesOf(stored.values));
        if (!this.isEnded) this.#load(stored, dead);
      } catch {
        // the log reports the error
        this.#isAnotherWanted = true;
        await pause(this.#source.clock, Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(attempt, 10)));
      }
    }
    this.#early = undefined;
  }

  /** Which nodes are dead may have changed. */
  judge(dead: ReadonlySet<string>): void {
    const before = this.#dead;
    this.#dead = dead;
    const changes: ValueChange[] = [];
    for (const { key, json, owner } of this.#table.values()) {
      const node = owner === undefined ? '' : nodeOf(owner);
      if (before.has(node) !== dead.has(node)) changes.push({ key, json: dead.has(node) ? undefined : json });
    }
    this.#emit(changes);
  }

  end(): void {
    this.#table.clear();
  }

  get #visible(): readonly LogValue[] {
    return [...this.#table.values()].filter((value) => this.#isVisible(value)).map(({ key, json }) => ({ key, json }));
  }

  #isVisible({ owner }: HeldValue): boolean {
    return owner === undefined || !this.#dead.has(nodeOf(owner));
  }

  #load({ epoch, revision, values }: StoredValues, dead: ReadonlySet<string>): void {
    this.#table.clear();
    this.#dead = dead;
    [this.#epoch, this.#revision] = [epoch, revision];
    for (const value of values) this.#hold(value);
    this.#isLoaded = true;
    for (const listener of this.listeners) listener(this.#visible, true);
    const early = this.#early ?? [];
    this.#early = [];
    for (const news of early) if (!this.#place(news)) this.#isAnotherWanted = true;
  }

  /** False if it does not continue what is held. */
  #place(news: ValueNews): boolean {
    const { epoch, revision, key } = news;
    if (epoch === this.#epoch && revision <= this.#revision) return true;
    if (epoch !== this.#epoch || revision !== this.#revision + 1) return false;
    this.#revision = revision;
    const former = this.#table.get(key);
    const { json } = news;
    if (json === undefined) this.#table.remove(key);
    else this.#hold({ ...news, json });
    const held = this.#table.get(key);
    if (held !== undefined && this.#isVisible(held)) this.#emit([{ key, json: held.json }]);
    else if (former !== undefined && this.#isVisible(former)) this.#emit([removed(key)]);
    return true;
  }

  #hold({ key, json, owner, ttlMs }: StoredValue): void {
    this.#table.put({ key, json, owner, expiresAt: this.#source.clock.now() + ttlMs });
  }

  #emit(changes: readonly ValueChange[]): void {
    if (changes.length > 0) for (const listener of this.listeners) listener(changes, false);
  }
}

const removed = (key: string): ValueChange => ({ key, json: undefined });

function nodesOf(values: Iterable<{ readonly owner: string | undefined }>): ReadonlySet<string> {
  const nodes = new Set<string>();
  for (const { owner } of values) if (owner !== undefined) nodes.add(nodeOf(owner));
  return nodes;
}
