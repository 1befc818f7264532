import type { EntryKind } from '../../src/api/entry.ts';
import { StreamLedger } from './stream-ledger.ts';
import { ValueLedger } from './value-ledger.ts';

/** What the log has taken, for all nodes and lives, and what was found wrong. */
export class Ledger {
  readonly violations: string[] = [];
  /** Deliveries that were compared with the log. */
  deliveries = 0;
  readonly seen = new Map<string, number>();
  readonly values = new ValueLedger();
  readonly streams = new StreamLedger();
  /** Answers are erased with their thread, and one that was given before may arrive later. */
  #isAnswerSure = true;
  readonly #answers = new Map<string, string>();
  readonly #threads = new Map<string, Map<string, Logged[]>>();
  /** Epoch that a thread has now. */
  readonly #epochs = new Map<string, string>();
  /** Offsets of a message's entries by epoch, by its number. */
  readonly #byNumber = new Map<number, Map<string, number>>();
  /** What became of a message that was edited or removed, by thread and epoch. */
  readonly #fates = new Map<string, Map<string, Fate>>();
  readonly #maxEntries: number;

  /** @param maxEntries of the log: an id is known as long as its entry is held */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  complain(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }

  note(event: string): void {
    this.seen.set(event, (this.seen.get(event) ?? 0) + 1);
  }

  /** @param first the oldest entry that the log held before it */
  logged(threadId: string, epoch: string, entry: Logged, first = 0): void {
    const epochs = this.#threads.get(threadId) ?? new Map<string, Logged[]>();
    this.#threads.set(threadId, epochs);
    const entries = epochs.get(epoch) ?? [];
    epochs.set(epoch, entries);
    if (entries.length + 1 !== entry.offset)
      this.complain(`${threadId}: offset ${entry.offset} after ${entries.length}`);
    entries.push(entry);
    this.#amend(`${threadId} ${epoch}`, entry);
    this.#epochs.set(threadId, epoch);
    const offsets = this.#byNumber.get(entry.number) ?? new Map<string, number>();
    this.#byNumber.set(entry.number, offsets);
    const before = offsets.get(epoch) ?? -Infinity;
    // the library's own mark of an aborted stream has no number
    const isMark = Number.isNaN(entry.number);
    if (!isMark && before > entry.offset - this.#maxEntries && before >= first)
      this.complain(`${threadId}: message ${entry.number} is logged twice`);
    offsets.set(epoch, entry.offset);
  }

  #amend(history: string, { id, kind, target, number }: Logged): void {
    // published again when the log had forgotten it: it is a new message
    if (target === undefined) this.#fates.get(history)?.delete(id);
    if (target === undefined) return;
    const fates = this.#fates.get(history) ?? new Map<string, Fate>();
    this.#fates.set(history, fates);
    const versions = [...(fates.get(target)?.versions ?? []), number];
    fates.set(target, { isRemoved: kind === 'remove', versions });
  }

  /** Undefined where nothing has become of it. */
  fate(threadId: string, epoch: string, id: string): Fate | undefined {
    return this.#fates.get(`${threadId} ${epoch}`)?.get(id);
  }

  /** The message with this number, an edit perhaps, was edited or removed. */
  isAmended(threadId: string, number: number): boolean {
    for (const [epoch, entries] of this.#threads.get(threadId) ?? []) {
      const entry = entries.find((one) => one.number === number);
      const fate = entry && this.fate(threadId, epoch, entry.target ?? entry.id);
      if (fate !== undefined && (fate.isRemoved || fate.versions.at(-1) !== number)) return true;
    }
    return false;
  }

  /** The newest messages of the thread that are the application's own. */
  recent(threadId: string, count: number): readonly Logged[] {
    const epoch = this.#epochs.get(threadId) ?? '';
    const entries = this.#threads.get(threadId)?.get(epoch) ?? [];
    return entries
      .slice(-3 * count)
      .filter(({ kind, isStream }) => kind === 'message' && !isStream)
      .slice(-count);
  }

  /** A client has been answered: a request that it repeats is answered likewise, as long as the log knows it. */
  answered(id: string, answer: string): void {
    const before = this.#answers.get(id);
    if (before !== undefined && before !== answer && this.#isAnswerSure)
      this.complain(`${id} was answered with ${before}, and with ${answer}`);
    this.#answers.set(id, answer);
  }

  /** The log is lost: threads begin anew. */
  begin(): void {
    this.#epochs.clear();
    this.#answers.clear();
  }

  /** The application has erased the thread. */
  erased(threadId: string): void {
    this.#epochs.delete(threadId);
    this.#isAnswerSure = false;
  }

  /** The log has lost what came after the first entries of the thread. */
  rewound(threadId: string, left: number): void {
    this.#answers.clear();
    const epoch = this.#epochs.get(threadId) ?? '';
    const lost = this.#threads.get(threadId)?.get(epoch)?.splice(left) ?? [];
    for (const { number } of lost) this.#byNumber.get(number)?.delete(epoch);
    const fates = this.#fates.get(`${threadId} ${epoch}`);
    fates?.clear();
    for (const entry of this.#threads.get(threadId)?.get(epoch) ?? []) this.#amend(`${threadId} ${epoch}`, entry);
  }

  at(threadId: string, epoch: string, offset: number): Logged | undefined {
    return this.#threads.get(threadId)?.get(epoch)?.[offset - 1];
  }

  /**
   * The newest entry's place; nothing where the thread has none.
   * @param until of those that were logged until then
   */
  head(threadId: string, until = Infinity): { readonly epoch: string; readonly offset: number } | undefined {
    const epoch = this.#epochs.get(threadId);
    if (epoch === undefined) return undefined;
    const entries = this.#threads.get(threadId)?.get(epoch) ?? [];
    return { epoch, offset: entries.findLastIndex(({ at }) => at <= until) + 1 };
  }

  hasNumber(number: number): boolean {
    return this.#byNumber.has(number);
  }
}

export interface Logged {
  readonly offset: number;
  /** On the network's clock. */
  readonly at: number;
  readonly id: string;
  /** The message's own, unique in a schedule; NaN for a removal. */
  readonly number: number;
  readonly kind: EntryKind;
  /** The message that is edited or removed. */
  readonly target: string | undefined;
  /** The end of a stream. */
  readonly isStream: boolean;
  /** Who does not get it, as the log has it. */
  readonly except?: string | undefined;
  /** It is in other threads, too. */
  readonly isShared?: boolean | undefined;
}

/** What became of a message. */
export interface Fate {
  readonly isRemoved: boolean;
  /** Numbers of its edits, newest last. */
  readonly versions: readonly number[];
}
