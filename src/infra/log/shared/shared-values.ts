import type { LogValue, LogValues, ValueDraft, ValueLimits, ValuesListener } from '../../../api/log-values.ts';
import type { LivingNodes } from './living-nodes.ts';
import type { RetrySession, RetryUntil } from './retry-until.ts';
import { nodeOf, type StoredValues, type ValueNews } from './stored-values.ts';
import type { TailSettings } from './tail-host.ts';
import { assertRoom, ValueChanges } from './value-changes.ts';
import type { ValueStore } from './value-store.ts';
import { ValuesView } from './values-view.ts';

/** How often the owners of values are looked at: with the life of a node, a crash is known within 15 seconds. */
const LOOK_MS = 2_000;

/** The values of threads that nodes share: kept in a store, whose changes are published. */
export class SharedValues implements LogValues {
  readonly #session: Pick<RetrySession, 'isClosed'>;
  readonly #settings: TailSettings;
  readonly #nodes: LivingNodes;
  readonly #retryUntil: RetryUntil;
  readonly #changes: ValueChanges;
  readonly #store: ValueStore;
  readonly #views = new Map<string, ValuesView>();
  #nextLookAt = 0;
  #isLooking = false;

  constructor(
    store: ValueStore,
    session: Pick<RetrySession, 'isClosed'>,
    settings: TailSettings,
    nodes: LivingNodes,
    retryUntil: RetryUntil,
  ) {
    this.#store = store;
    this.#session = session;
    this.#settings = settings;
    this.#nodes = nodes;
    this.#retryUntil = retryUntil;
    this.#changes = new ValueChanges(store, settings.nodeId, retryUntil);
  }

  async set(threadId: string, draft: ValueDraft, limits: ValueLimits): Promise<void> {
    // what a node owns is shown only while it is known to be alive
    if (draft.owner !== undefined) await this.#retryUntil.withinDeadline(threadId, () => this.#nodes.reported());
    let answer = await this.#changes.set(threadId, draft, limits);
    // what dead nodes have left behind makes room
    if ((answer === 'keys' || answer === 'bytes') && (await this.#dropDead(threadId)))
      answer = await this.#changes.set(threadId, draft, limits);
    assertRoom(answer, { threadId, key: draft.key }, limits);
  }

  delete(threadId: string, key: string): Promise<boolean> {
    return this.#changes.delete(threadId, key);
  }

  read(threadId: string, key?: string): Promise<readonly LogValue[]> {
    return this.#retryUntil.withinDeadline(threadId, async () => {
      const { values } = await this.#store.read(threadId, key);
      const dead = await this.#deadOf(values);
      return values
        .filter(({ owner }) => owner === undefined || !dead.has(nodeOf(owner)))
        .map(({ key, json }) => ({ key, json }));
    });
  }

  watch(threadId: string, onValues: ValuesListener): () => void {
    const view = this.#views.get(threadId) ?? this.#makeView(threadId);
    view.listeners.add(onValues);
    view.greet(onValues);
    if (view.listeners.size === 1) void view.reread();
    return () => {
      view.listeners.delete(onValues);
      if (view.listeners.size > 0 || this.#views.get(threadId) !== view) return;
      this.#views.delete(threadId);
      view.end();
    };
  }

  end(threadId: string, owner: string): void {
    this.#changes.end(threadId, owner);
  }

  // --- for the log

  /** A change of a thread's values has been published. */
  take(threadId: string, news: ValueNews): void {
    this.#views.get(threadId)?.take(news);
  }

  /** The threads whose values are watched here. */
  get watched(): IterableIterator<string> {
    return this.#views.keys();
  }

  /** The thread has these as its newest change: others were missed if the view has not. */
  compare(threadId: string, epoch: string, revision: number): void {
    const view = this.#views.get(threadId);
    if (view?.isAt(epoch, revision) === false) void view.reread();
  }

  isWatched(threadId: string): boolean {
    return this.#views.has(threadId);
  }

  /** Changes of the thread may have been missed. */
  missed(threadId: string): void {
    void this.#views.get(threadId)?.reread();
  }

  reconnected(): void {
    this.#changes.reconnected();
  }

  tick(): void {
    const now = this.#settings.clock.now();
    if (this.#isLooking || now < this.#nextLookAt) return;
    this.#nextLookAt = now + LOOK_MS;
    void this.#look();
  }

  #makeView(threadId: string): ValuesView {
    const { clock, ledger } = this.#settings;
    const session = this.#session;
    const view = new ValuesView(threadId, {
      clock,
      ledger,
      get isClosed() {
        return session.isClosed;
      },
      read: async () => {
        await this.#store.subscribed(threadId);
        return this.#store.read(threadId);
      },
      deadAmong: (nodes) => this.#deadAmong(nodes),
    });
    this.#views.set(threadId, view);
    return view;
  }

  #deadOf(values: StoredValues['values']): Promise<ReadonlySet<string>> {
    return this.#deadAmong(new Set(values.flatMap(({ owner }) => (owner === undefined ? [] : nodeOf(owner)))));
  }

  async #deadAmong(ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { nodeId } = this.#settings;
    const others = new Set([...ids].filter((id) => id !== nodeId));
    if (others.size === 0) return others;
    const nodes = await this.#nodes.among(others);
    return new Set([...others].filter((id) => !nodes.isAlive(id)));
  }

  /** Looks at the nodes that own values. Never rejects. */
  async #look(): Promise<void> {
    const { nodeId } = this.#settings;
    const ids = new Set([...this.#views.values()].flatMap((view) => [...view.nodes]));
    ids.delete(nodeId);
    if (ids.size === 0) return;
    this.#isLooking = true;
    try {
      const nodes = await this.#nodes.among(ids);
      const dead = new Set([...ids].filter((id) => !nodes.isAlive(id)));
      for (const view of this.#views.values()) {
        view.judge(dead);
        for (const id of dead) if (nodes.isGone(id)) await this.#drop(view, id);
      }
    } catch {
      // the log is out of reach, and so are the others' reports
    } finally {
      this.#isLooking = false;
    }
  }

  async #drop(view: ValuesView, nodeId: string): Promise<void> {
    for (const owner of view.ownersOf(nodeId)) await this.#changes.drop(view.threadId, owner);
  }

  /** True if there were any. */
  async #dropDead(threadId: string): Promise<boolean> {
    const { values } = await this.#retryUntil.withinDeadline(threadId, () => this.#store.read(threadId));
    const dead = await this.#retryUntil.withinDeadline(threadId, () => this.#deadOf(values));
    const left = values.filter(({ owner }) => owner !== undefined && dead.has(nodeOf(owner)));
    for (const owner of new Set(left.map(({ owner = '' }) => owner))) await this.#changes.drop(threadId, owner);
    return left.length > 0;
  }
}
