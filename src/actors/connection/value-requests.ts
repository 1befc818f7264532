import { Refusal } from '../../api/refusal.ts';
import { textOfIssues, ValueLimitError } from '../../infra/errors.ts';
import { assertThreadId } from '../../infra/log/ids.ts';
import { isAllowed } from '../../infra/option-checks.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { checkValue } from '../values/check-value.ts';
import { assertValueKey, checkTtl } from '../values/resolve-values-options.ts';
import { deleteValue, setValue } from '../values/value-changes.ts';
import type { ClientSession } from './client-session.ts';
import type { ConnectionServices } from './connection-services.ts';
import { codeOf, type Reasons } from './publishing.ts';
import { RateLimiter } from './rate-limiter.ts';
import { notices, type ValueRequest } from './wire-protocol.ts';

/** Refuses a request of the client. */
type Refuse = (request: ValueRequest, code: string, reasons?: Reasons) => void;

/** Passes the values that one client sets or removes to the application, and makes the changes that it allows. */
export class ValueRequests {
  readonly #session: ClientSession;
  readonly #services: ConnectionServices;
  readonly #refuse: Refuse;
  /** Undefined before the first one. */
  #rate: RateLimiter | undefined;

  constructor(session: ClientSession, services: ConnectionServices, refuse: Refuse) {
    this.#session = session;
    this.#services = services;
    this.#refuse = refuse;
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
    const change = { threadId, key, value, ttlMs, isOwned };
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
    if (!session.isOver) session.line.sendNotice(notices.done(threadId, request.id));
    return undefined;
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
