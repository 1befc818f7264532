import { Refusal } from '../../api/refusal.ts';
import { textOfIssues, ValueLimitError } from '../../infra/errors.ts';
import { assertThreadId } from '../../infra/log/ids.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { checkValue } from '../values/check-value.ts';
import { assertValueKey, checkTtl } from '../values/resolve-values-options.ts';
import { deleteValue, setValue } from '../values/value-changes.ts';
import type { ConnectionServices } from './connection-services.ts';
import { codeOf, type Publisher, type Reasons } from './publishing.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { ValueRequest } from './wire-protocol.ts';

/** A client that sets values: over its connection, or by a request of its own. Its connection's id owns them. */
export type ValueSetter = Pick<Publisher, 'settings' | 'connection' | 'isOver' | 'isIn' | 'mayPublish'>;

export type ValueServicesOf = Pick<ConnectionServices, 'settings' | 'values' | 'now' | 'report' | 'lookAtEachSweep'>;

/** Answers the client. */
export interface ValueAnswers {
  readonly accept: (request: ValueRequest) => void;
  readonly refuse: (request: ValueRequest, code: string, reasons?: Reasons) => void;
}

/** Passes the values that one client sets or removes to the application, and makes the changes that it allows. */
export class ValueRequests {
  readonly #session: ValueSetter;
  readonly #services: ValueServicesOf;
  readonly #answers: ValueAnswers;
  /** Undefined before the first one. */
  #rate: Pick<RateLimiter, 'take'> | undefined;

  /** @param rate what the client may change. @default that of a connection */
  constructor(
    session: ValueSetter,
    services: ValueServicesOf,
    answers: ValueAnswers,
    rate?: Pick<RateLimiter, 'take'>,
  ) {
    this.#session = session;
    this.#services = services;
    this.#answers = answers;
    this.#rate = rate;
  }

  /** @throws what the application throws, and the errors of the library that the client gets as codes */
  async perform(request: ValueRequest): Promise<void> {
    const { th: threadId, key, ms, own: isOwned } = request;
    const session = this.#session;
    const { values } = this.#services;
    assertThreadId(threadId);
    assertValueKey(key);
    const ttlMs = checkTtl(ms);
    this.#pay(threadId, key);
    if (!(await session.mayPublish(threadId))) return this.#refuse(request, 'forbidden');
    const wasIn = session.isIn(threadId);
    const definition = this.#services.settings.definitions.of(threadId);
    const verdict = await withDeadline('schema', checkValue(definition, key, request.d), this.#services);
    if (session.isOver) return undefined;
    if (verdict.issues !== undefined) {
      const paths = verdict.issues.map(({ path }) => path);
      return this.#refuse(request, 'invalid', { why: textOfIssues(verdict.issues), paths });
    }
    const { value } = verdict;
    const { rules, session: authenticated, id } = session.settings;
    const change = { threadId, pattern: definition?.pattern, key, value, ttlMs, isOwned };
    const asked = rules.onValue?.(authenticated, change, session.connection) ?? false;
    const answer: unknown = await withDeadline('onValue', asked, this.#services);
    if (session.isOver) return undefined;
    if (answer instanceof Refusal) return this.#refuse(request, codeOf(answer), { why: answer.message });
    // the application may have taken the client out of the thread meanwhile
    const mayStill = session.isIn(threadId) === wasIn || (await session.mayPublish(threadId));
    if (session.isOver) return undefined;
    if (!isAllowed('onValue()', answer, this.#services.report) || !mayStill) return this.#refuse(request, 'forbidden');
    if (value === undefined) await deleteValue(threadId, key, values);
    else await setValue({ threadId, key, value, ttlMs, owner: isOwned ? id : undefined }, values);
    if (!session.isOver) this.#answers.accept(request);
    return undefined;
  }

  #refuse(request: ValueRequest, code: string, reasons?: Reasons): void {
    this.#answers.refuse(request, code, reasons);
  }

  /** @throws ValueLimitError */
  #pay(threadId: string, key: string): void {
    const { maxPerSecond } = this.#services.settings.values;
    const now = this.#services.now();
    this.#rate ??= new RateLimiter(maxPerSecond, now);
    if (!this.#rate.take(1, now))
      throw new ValueLimitError({ threadId, key, limit: 'values.maxPerSecond', most: maxPerSecond });
  }
}
