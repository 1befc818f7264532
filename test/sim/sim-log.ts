import {
  memoryLog,
  type Clock,
  type DeliveryLog,
  type Entry,
  type EntryDraft,
  type LogSubscription,
} from '../../src/index.ts';
import type { LogValues } from '../../src/api/log-values.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import { contentOf, endOf, numberOf } from './contents.ts';
import { HeldLog, type Holding } from './held-log.ts';
import type { Ledger } from './ledger.ts';
import { SimClaims } from './sim-answers.ts';
import type { NodeClock } from './node-clock.ts';
import { NodeEntries } from './node-tail.ts';
import type { SimStore } from './sim-store.ts';

interface Listening {
  readonly node: NodeClock;
  heldAfter: number;
  readonly subscription: LogSubscription;
  readonly onNodeMessage: (note: string) => void;
}

/** An entry as a backup has it. */
type Kept = Omit<EntryDraft, 'body' | 'deflated' | 'tally'> & { readonly bytes: Uint8Array };

/** One log for several nodes: it outlives each of them. */
export class SimLog implements SimStore {
  readonly #log: DeliveryLog;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #options: SimLogOptions;
  readonly #listening = new Map<string, Set<Listening>>();
  /** What has been logged in each thread since it began. */
  readonly #kept = new Map<string, Kept[]>();
  /** How often each thread was erased. */
  readonly #erased = new Map<string, number>();
  /** Threads that the log may have. */
  readonly #threadIds = new Set<string>();
  readonly #held: HeldLog;
  readonly #claims = new SimClaims();
  /** Processes that watch values, once for each thread. */
  readonly #watching = new Map<() => void, NodeClock>();
  /** By owner of a value: the process and the thread. */
  readonly #owners = new Map<string, { readonly node: NodeClock; readonly threads: Set<string> }>();

  constructor(clock: Clock, ledger: Ledger, options: SimLogOptions) {
    this.#clock = clock;
    this.#options = options;
    const { maxEntries, maxBytes = 64 * 1024 * 1024 } = options;
    this.#log = memoryLog({ clock, maxEntries, maxBytes, newEpoch: () => options.life });
    this.#ledger = ledger;
    this.#held = new HeldLog({ maxEntries, maxBytes }, (what) => ledger.complain(what));
  }

  /** The values that a thread has. */
  values(threadId: string): ReadonlyMap<string, string> {
    const read = now(this.#log.values?.read(threadId) ?? []);
    return new Map(read.map(({ key, json }) => [key, json]));
  }

  /** The log as one process has it. */
  of(node: NodeClock, hasOthers: boolean): DeliveryLog {
    const log = this.#log;
    // a single process has the log to itself
    const entries = hasOthers ? new NodeEntries() : undefined;
    const mine = (entry: Entry): Entry => entries?.of(entry) ?? entry;
    return {
      appendsUnread: hasOthers,
      append: (draft) => {
        entries?.sends(draft.tally);
        const appended = this.#append(node, draft);
        return appended instanceof Promise ? appended : { ...appended, entry: mine(appended.entry) };
      },
      readAfter: (...args) => now(log.readAfter(...args)).map(mine),
      readBefore: (...args) => {
        const page = now(log.readBefore(...args));
        return { ...page, entries: page.entries.map(mine) };
      },
      position: (threadId) => log.position(threadId),
      sweep: () => log.sweep(),
      close: () => {},
      answers: log.answers && (hasOthers ? this.#claims.of(node, log.answers) : log.answers),
      values: this.#valuesOf(node),
      ...(!hasOthers && { presence: log.presence }),
      erase: (threadId) => {
        if (node.isDead) return;
        const before = this.#epochOf(threadId);
        this.#kept.delete(threadId);
        this.#ledger.erased(threadId);
        void log.erase?.(threadId);
        if (this.#epochOf(threadId) !== before) this.#erased.set(threadId, (this.#erased.get(threadId) ?? 0) + 1);
      },
      subscribe: (threadId, onEntry, onNodeMessage = () => {}, onReset = () => {}) => {
        const subscription = now(
          log.subscribe(
            threadId,
            (entry) => node.run(() => onEntry(mine(entry))),
            undefined,
            (reset) => node.run(() => onReset(reset)),
          ),
        );
        const listening: Listening = { node, subscription, onNodeMessage, heldAfter: Infinity };
        this.#threadIds.add(threadId);
        this.#listeners(threadId).add(listening);
        return {
          tail: entries?.tail(subscription.tail) ?? subscription.tail,
          hold: (offset) => {
            listening.heldAfter = offset;
            subscription.hold(offset);
          },
          unsubscribe: () => {
            this.#listeners(threadId).delete(listening);
            subscription.unsubscribe();
          },
        };
      },
      ...(hasOthers && {
        notify: (threadId: string, note: string) => {
          if (node.isDead) return;
          for (const other of this.#listeners(threadId))
            if (other.node !== node) other.node.run(() => other.onNodeMessage(note));
        },
      }),
    };
  }

  #epochOf(threadId: string): string {
    return now(this.#log.position(threadId)).epoch;
  }

  #listeners(threadId: string): Set<Listening> {
    const listening = this.#listening.get(threadId) ?? new Set();
    this.#listening.set(threadId, listening);
    return listening;
  }

  #append(node: NodeClock, draft: EntryDraft): ReturnType<DeliveryLog['append']> {
    if (node.isDead) return new Promise(() => {});
    const bytes = Buffer.concat(draft.body.chunks);
    this.#threadIds.add(draft.threadId);
    this.#held.given(draft, node);
    // short of bytes, it may hold fewer entries than it might
    const first =
      this.#options.maxBytes === undefined ? 0 : now(this.#log.readBefore(draft.threadId, Infinity, 1, 1)).first;
    const appended = now(this.#log.append(draft));
    const { threadId } = draft;
    const epoch = this.#epochOf(threadId);
    if (appended.isDuplicate) {
      this.#ledger.note('duplicate');
      return { ...appended, epoch };
    }
    const { offset, id } = appended.entry;
    const { kind = 'message', target } = draft;
    const { except, isShared } = appended.entry;
    const data: unknown = kind === 'remove' ? undefined : contentOf(bytes);
    const isStream = endOf(data) !== undefined;
    const facts = { number: numberOf(data), kind, target, isStream, except, isShared, at: this.#clock.now() };
    this.#ledger.logged(threadId, epoch, { offset, id, ...facts }, first);
    const { body: _body, deflated: _deflated, tally: _tally, ...rest } = draft;
    const kept = this.#kept.get(threadId) ?? [];
    kept.push({ ...rest, bytes });
    this.#kept.set(threadId, kept);
    return { ...appended, epoch };
  }

  #valuesOf(node: NodeClock): LogValues | undefined {
    const { values } = this.#log;
    if (values === undefined) return undefined;
    return {
      set: (threadId, draft, limits) => {
        if (node.isDead) return new Promise(() => {});
        if (draft.owner !== undefined) this.#owner(node, draft.owner).add(threadId);
        this.#ledger.values.wasSet(threadId, draft.key, draft.json);
        return values.set(threadId, draft, limits);
      },
      delete: (threadId, key) => (node.isDead ? new Promise(() => {}) : values.delete(threadId, key)),
      read: (threadId, key) => values.read(threadId, key),
      watch: (threadId, onValues) => {
        const end = values.watch(threadId, (...news) => node.run(() => onValues(...news)));
        this.#watching.set(end, node);
        return () => {
          this.#watching.delete(end);
          end();
        };
      },
      end: (threadId, owner) => {
        if (!node.isDead) values.end(threadId, owner);
      },
    };
  }

  #owner(node: NodeClock, owner: string): Set<string> {
    const known = this.#owners.get(owner) ?? { node, threads: new Set() };
    this.#owners.set(owner, known);
    return known.threads;
  }

  /** The process is gone: the log forgets what it held for it. */
  forget(node: NodeClock): void {
    for (const listening of this.#listening.values()) {
      for (const one of listening) {
        if (one.node !== node) continue;
        one.subscription.unsubscribe();
        listening.delete(one);
      }
    }
    for (const [owner, { node: of, threads }] of this.#owners) {
      if (of !== node) continue;
      for (const threadId of threads) this.#log.values?.end(threadId, owner);
      this.#owners.delete(owner);
    }
  }

  /** The log as a backup had it: without the newest entries of each thread, in the same epochs. Values are in no backup. */
  restored(lost: number): SimLog {
    const log = new SimLog(this.#clock, this.#ledger, this.#options);
    // its epochs are counted by the times that it was erased
    for (const threadId of this.#threadIds) log.#threadIds.add(threadId);
    for (const [threadId, times] of this.#erased) {
      for (let i = 0; i < times; i++) {
        void log.#log.append({
          threadId,
          id: `erased-${i}`,
          lane: 'normal',
          expiresAt: Infinity,
          body: new SharedBody([]),
        });
        void log.#log.erase?.(threadId);
      }
      log.#erased.set(threadId, times);
    }
    for (const [threadId, kept] of this.#kept) {
      const left = kept.slice(0, Math.max(0, kept.length - lost));
      const end = left.findIndex(({ bytes, ...draft }) => {
        try {
          void log.#log.append({ ...draft, body: new SharedBody([bytes]) });
          return false;
        } catch {
          // an edit of what was held for a fan-out, longer than the log's limits let it stay: the backup ends here
          return true;
        }
      });
      if (end >= 0) left.length = end;
      log.#kept.set(threadId, left);
      this.#ledger.rewound(threadId, left.length);
    }
    return log;
  }

  /** After each step: it holds no more than it may. */
  look(): void {
    const threads = new Map([...this.#listening].map(([threadId, all]) => [threadId, this.#holdings(all)] as const));
    const areAll = [...this.#threadIds].every((threadId) => (threads.get(threadId)?.length ?? 0) > 0);
    if ([...this.#listening.values()].some((all) => [...all].some(({ node }) => !node.isDead && !node.isFrozen)))
      this.#held.examine(threads, this.#log.heldBytes ?? 0, areAll, this.#clock.now());
    else this.#held.rest();
  }

  #holdings(all: ReadonlySet<Listening>): readonly Holding[] {
    return [...all].map(({ subscription: { tail }, heldAfter }) => ({ tail, heldAfter }));
  }

  /** All processes have closed their hubs: complains of those that still listen. */
  assertUnheard(): void {
    for (const [threadId, all] of this.#listening)
      for (const { node } of all) if (!node.isDead) this.#ledger.complain(`a closed hub listens to ${threadId}`);
    for (const node of this.#watching.values())
      if (!node.isDead) this.#ledger.complain('a closed hub watches the values of a thread');
  }

  close(): void {
    void this.#log.close();
  }

  assertReleased(): void {
    this.#held.assertReleased();
  }
}

/** The answer of the memory log, which is always there. */
function now<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new Error('the memory log answers at once');
  return answer;
}

export interface SimLogOptions {
  readonly maxEntries: number;
  /** Of a thread. @default 64 MiB */
  readonly maxBytes?: number | undefined;
  /** Names it: another log has other epochs. */
  readonly life: string;
}
