import type { AnswerClaim, LogAnswers } from '../../../api/log-answers.ts';
import type { LogPresence } from '../../../api/log-presence.ts';
import { countIn, textIn } from './frames.ts';
import type { RelaySession } from './session.ts';

/** Asks until the relay has answered, or the time is up. */
export type Ask = <T>(threadId: string, work: () => Promise<T>) => Promise<T>;

/** The members of this node, told to the relay again on each connection. */
export class RelayPresence implements LogPresence {
  readonly #session: RelaySession;
  readonly #ask: Ask;
  readonly #threads = new Map<string, Set<string>>();
  readonly #counts = new Map<string, number>();

  constructor(session: RelaySession, ask: Ask) {
    this.#session = session;
    this.#ask = ask;
  }

  add(threadId: string, member: string): void {
    this.#threads.set(threadId, (this.#threads.get(threadId) ?? new Set<string>()).add(member));
    this.#session.tell({ t: 'in', th: threadId, m: [member] });
  }

  remove(threadId: string, member: string): void {
    const members = this.#threads.get(threadId);
    if (members?.delete(member) !== true) return;
    if (members.size === 0) this.#threads.delete(threadId);
    this.#session.tell({ t: 'out', th: threadId, m: [member] });
  }

  async list(threadId: string): Promise<readonly string[]> {
    const { head } = await this.#ask(threadId, () => this.#session.call({ t: 'list', th: threadId }));
    const { l } = head;
    const others: string[] = Array.isArray(l) ? l.map(textIn) : [];
    return [...new Set([...(this.#threads.get(threadId) ?? []), ...others])];
  }

  announce(threadId: string, members: number): void {
    if (members > 0) this.#counts.set(threadId, members);
    else if (!this.#counts.delete(threadId)) return;
    this.#session.tell({ t: 'count', th: threadId, n: members });
  }

  async elsewhere(threadId: string): Promise<number> {
    const { head } = await this.#ask(threadId, () => this.#session.call({ t: 'elsewhere', th: threadId }));
    return countIn(head['n']);
  }

  /** The relay has nothing of this node on a new connection. */
  reconnected(): void {
    for (const [th, members] of this.#threads) this.#session.tell({ t: 'in', th, m: [...members] });
    for (const [th, n] of this.#counts) this.#session.tell({ t: 'count', th, n });
  }
}

/** Remembered answers, kept by the relay's log. */
export class RelayAnswers implements LogAnswers {
  readonly #session: RelaySession;
  readonly #ask: Ask;

  constructor(session: RelaySession, ask: Ask) {
    this.#session = session;
    this.#ask = ask;
  }

  async claim(threadId: string, key: string): Promise<AnswerClaim> {
    const { head, body } = await this.#call('claim', threadId, key);
    if (head['is'] === 'answered') return { is: 'answered', answer: body.toString() };
    return { is: head['is'] === 'pending' ? 'pending' : 'claimed' };
  }

  async answer(threadId: string, key: string, answer: string): Promise<void> {
    await this.#call('answer', threadId, key, [Buffer.from(answer)]);
  }

  async release(threadId: string, key: string): Promise<void> {
    await this.#call('release', threadId, key);
  }

  #call(t: string, th: string, key: string, body?: readonly Uint8Array[]): ReturnType<RelaySession['call']> {
    return this.#ask(th, () => this.#session.call({ t, th, key }, body));
  }
}
