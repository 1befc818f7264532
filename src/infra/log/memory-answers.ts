import type { AnswerClaim, LogAnswers } from '../../api/log-answers.ts';
import type { Clock } from '../../api/clock.ts';

/** How long a claim or an answer is known. */
export const ANSWERS_KEPT_MS = 600_000;

/** All answers together, by UTF-16 units; beyond that, the oldest are forgotten early. */
const MAX_UNITS = 64 * 1024 * 1024;
/** What a claim costs beside its answer. */
const CLAIM_UNITS = 256;

interface Held {
  readonly threadId: string;
  readonly key: string;
  /** Undefined while the work is in progress. */
  readonly answer: string | undefined;
  readonly until: number;
}

/** Remembered answers in this process. */
export class MemoryAnswers implements LogAnswers {
  readonly #clock: Clock;
  readonly #threads = new Map<string, Map<string, Held>>();
  /** Oldest first. */
  readonly #all = new Set<Held>();
  #units = 0;
  /** Of these, without claims. */
  #answered = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get held(): { readonly count: number; readonly bytes: number } {
    return { count: this.#answered, bytes: this.#units };
  }

  claim(threadId: string, key: string): AnswerClaim {
    this.sweep();
    const held = this.#threads.get(threadId)?.get(key);
    if (held?.answer !== undefined) return { is: 'answered', answer: held.answer };
    this.#put(threadId, key, undefined);
    return { is: 'claimed' };
  }

  answer(threadId: string, key: string, answer: string): void {
    this.sweep();
    if (this.#threads.get(threadId)?.get(key)?.answer === undefined) this.#put(threadId, key, answer);
  }

  release(threadId: string, key: string): void {
    const held = this.#threads.get(threadId)?.get(key);
    if (held !== undefined && held.answer === undefined) this.#drop(held);
  }

  erase(threadId: string): void {
    for (const held of this.#threads.get(threadId)?.values() ?? []) this.#drop(held);
  }

  /** Forgets some that are too old, or too many. */
  sweep(): void {
    if (this.#all.size === 0) return;
    const now = this.#clock.now();
    let left = 64;
    for (const held of this.#all) {
      if ((held.until > now && this.#units <= MAX_UNITS) || left-- === 0) break;
      this.#drop(held);
    }
  }

  #put(threadId: string, key: string, answer: string | undefined): void {
    const thread = this.#threads.get(threadId) ?? new Map<string, Held>();
    const former = thread.get(key);
    if (former !== undefined) this.#drop(former);
    const held = { threadId, key, answer, until: this.#clock.now() + ANSWERS_KEPT_MS };
    this.#threads.set(threadId, thread.set(key, held));
    this.#all.add(held);
    this.#units += unitsOf(held);
    if (answer !== undefined) this.#answered++;
  }

  #drop(held: Held): void {
    const thread = this.#threads.get(held.threadId);
    this.#all.delete(held);
    this.#units -= unitsOf(held);
    if (held.answer !== undefined) this.#answered--;
    thread?.delete(held.key);
    if (thread?.size === 0) this.#threads.delete(held.threadId);
  }
}

const unitsOf = ({ key, answer }: Held): number => CLAIM_UNITS + key.length + (answer?.length ?? 0);
