import type { Logged } from './logged.ts';
import type { Branches } from './redis/branches.ts';
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
  /** The log may not answer in time. */
  mayBeAway = false;
  /** Where the log may be lost while processes go on. */
  branches: Branches | undefined;
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
  /** Numbers that were in a log once, which may have lost them, and ids that were removed in one, by thread. */
  readonly #numbers = new Map<string, Set<number>>();
  readonly #removed = new Set<string>();
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
    if (this.branches !== undefined) {
      this.branches.add(threadId, epoch, entry);
      this.#numbers.set(threadId, (this.#numbers.get(threadId) ?? new Set()).add(entry.number));
      if (entry.kind === 'remove') this.#removed.add(`${threadId} ${entry.target}`);
      if (!this.#byNumber.has(entry.number)) this.#byNumber.set(entry.number, new Map());
      if (isLoggedAgain(entry)) this.complain(`${threadId}: message ${entry.number} is logged twice`);
      this.#amend(`${threadId} ${epoch}`, entry);
      return;
    }
    const epochs = this.#threads.get(threadId) ?? new Map<string, Logged[]>();
    this.#threads.set(threadId, epochs);
    const entries = epochs.get(epoch) ?? [];
    epochs.set(epoch, entries);
    if (entries.length + 1 !== entry.offset)
      this.complain(`${threadId}: offset ${entry.offset} after ${entries.length}`);
    entries.push({ ...entry, previous: entries.at(-1) });
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
    const all = this.branches?.all(threadId);
    const histories = all === undefined ? (this.#threads.get(threadId) ?? []) : this.#epochsOf(threadId, all);
    for (const [epoch, entries] of histories) {
      const entry = entries.find((one) => one.number === number);
      const fate = entry && this.fate(threadId, epoch, entry.target ?? entry.id);
      if (fate !== undefined && (fate.isRemoved || fate.versions.at(-1) !== number)) return true;
    }
    return false;
  }

  /** Each epoch in which something became of a message, with all entries. */
  #epochsOf(threadId: string, all: readonly Logged[]): readonly (readonly [string, readonly Logged[]])[] {
    const own = [...this.#fates.keys()].filter((history) => history.startsWith(`${threadId} `));
    return own.map((history) => [history.slice(threadId.length + 1), all]);
  }

  /** The newest messages of the thread that are the application's own. */
  recent(threadId: string, count: number): readonly Logged[] {
    const epoch = this.#epochs.get(threadId) ?? '';
    const entries = this.branches?.now(threadId) ?? this.#threads.get(threadId)?.get(epoch) ?? [];
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

  /** The entry that the log has at this place now. */
  now(threadId: string, epoch: string, offset: number): Logged | undefined {
    if (this.branches === undefined) return this.at(threadId, epoch, offset);
    return this.branches.head(threadId)?.epoch === epoch
      ? this.branches.now(threadId).findLast((one) => one.offset === offset)
      : undefined;
  }

  /** The log is lost, or a part of it, and those who use it do not know yet. */
  lost(): void {
    this.#answers.clear();
    this.#isAnswerSure = false;
  }

  /** The log of the thread has only this now: edits and removals that it has lost have not been. */
  refate(threadId: string): void {
    const epoch = this.branches?.head(threadId)?.epoch;
    if (epoch === undefined) return;
    this.#fates.delete(`${threadId} ${epoch}`);
    for (const entry of this.branches?.now(threadId) ?? []) this.#amend(`${threadId} ${epoch}`, entry);
  }

  /** It was in a log that has lost it perhaps. */
  wasLogged(threadId: string, number: number): boolean {
    return this.#numbers.get(threadId)?.has(number) === true;
  }

  /** It was removed, in a log that has lost the removal perhaps. */
  wasRemoved(threadId: string, id: string): boolean {
    return this.#removed.has(`${threadId} ${id}`);
  }

  /** @param id where several entries have been at this place: a part of the log was lost */
  at(threadId: string, epoch: string, offset: number, id?: string): Logged | undefined {
    if (this.branches !== undefined) return this.branches.at(threadId, epoch, offset, id);
    return this.#threads.get(threadId)?.get(epoch)?.[offset - 1];
  }

  /**
   * The newest entry's place; nothing where the thread has none.
   * @param until of those that were logged until then
   */
  head(threadId: string, until = Infinity): { readonly epoch: string; readonly offset: number } | undefined {
    const epoch = this.branches === undefined ? this.#epochs.get(threadId) : this.branches.head(threadId)?.epoch;
    if (epoch === undefined) return undefined;
    const entries = this.branches?.now(threadId) ?? this.#threads.get(threadId)?.get(epoch) ?? [];
    if (this.branches !== undefined) return { epoch, offset: entries.findLast(({ at }) => at <= until)?.offset ?? 0 };
    return { epoch, offset: entries.findLastIndex(({ at }) => at <= until) + 1 };
  }

  hasNumber(number: number): boolean {
    return this.#byNumber.has(number);
  }
}

/** One with the same number is before it, and the log knew its id. */
function isLoggedAgain({ number, previous, known = 0 }: Logged): boolean {
  if (Number.isNaN(number)) return false;
  for (let one = previous; one !== undefined && one.offset >= known; one = one.previous)
    if (one.number === number) return true;
  return false;
}

/** What became of a message. */
export interface Fate {
  readonly isRemoved: boolean;
  /** Numbers of its edits, newest last. */
  readonly versions: readonly number[];
}
