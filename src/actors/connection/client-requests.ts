import { closeCodes } from '../../infra/wire/close-codes.ts';
import {
  AnswerTimeoutError,
  AnswerTooLargeError,
  HubClosedError,
  InvalidOptionError,
  LogUnavailableError,
  textOfIssues,
  ThreadcastError,
  ThreadClosedError,
  TooManyThreadsError,
} from '../../infra/errors.ts';
import { Answer } from '../../api/answer.ts';
import { Refusal } from '../../api/refusal.ts';
import { assertThreadId, isId } from '../../infra/log/ids.ts';
import type { ClientSession } from './client-session.ts';
import { scopedId, scopeOf } from '../support/id-scope.ts';
import type { ConnectionServices } from './connection-services.ts';
import { guarded } from '../support/emitter.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import { checkSchema, type Verdict } from '../support/schema-check.ts';
import { notices, type Request } from './wire-protocol.ts';
import type { PublishAnswer } from '../../api/connection.ts';
import type { ThreadDefinition } from '../../api/definition.ts';
import type { MaybePromise } from '../../api/message.ts';

/** The error code for the client when the application refuses with an HTTP status. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  429: 'rate-limited',
  503: 'unavailable',
};

/** Errors that the client's URL may have caused. */
const THEIR_ERRORS: ReadonlySet<string> = new Set(['TC_INVALID_THREAD_ID', 'TC_INVALID_POSITION']);

/** Performs a client's requests. Every request ends in an answer, a close code or nothing, never in a throw. */
export class ClientRequests {
  readonly #session: ClientSession;
  readonly #services: ConnectionServices;
  /** The scope of the ids that the client chooses; undefined before the first one. */
  #scope: string | undefined;

  constructor(session: ClientSession, services: ConnectionServices) {
    this.#session = session;
    this.#services = services;
  }

  /** Never rejects. */
  async perform(request: Request): Promise<void> {
    try {
      await this.#perform(request);
    } catch (error) {
      guarded(() => this.fail(request, error), this.#services.report);
    }
  }

  async #perform(request: Request): Promise<void> {
    const session = this.#session;
    if (session.isOver) return;
    switch (request.t) {
      case 'join':
        if (!(await session.join(request.th, request.from, request.join))) {
          this.#refuse(request, 'forbidden');
          session.greetMember(request.th, request.join.ref);
        }
        return;
      case 'inbox':
        if (!(await session.openInbox(request.from, request.join))) this.#refuse(request, 'forbidden');
        return;
      case 'cancel':
        if (!(await session.cancelStream(request.th, request.s))) this.#refuse(request, 'forbidden');
        return;
      case 'renew':
        await this.#renew(request);
        return;
      case 'leave':
        session.leave(request.th);
        return;
      case 'pub':
        await this.#publish(request);
        return;
    }
  }

  async #renew(request: Request & { readonly t: 'renew' }): Promise<void> {
    const session = this.#session;
    const answer = await session.renew(request.token);
    if (session.isOver) return;
    if (answer === true) session.line.sendNotice(notices.renewed(request.ref));
    else if (answer === 'unasked') this.#refuse(request, answer);
    else this.#refuse(request, REFUSALS[answer.status] ?? 'forbidden', { why: answer.message });
  }

  async #publish(request: Request & { readonly t: 'pub' }): Promise<void> {
    const { th: threadId, id, d: data, tp: trace } = request;
    assertThreadId(threadId);
    if (!isId(id)) throw new InvalidOptionError({ option: 'id', value: id, expected: 'of A-Z a-z 0-9 _ . : -' });
    const session = this.#session;
    if (!(await session.mayPublish(threadId))) {
      this.#refuse(request, 'forbidden');
      return;
    }
    const wasIn = session.isIn(threadId);
    const definition = this.#services.settings.definitions.of(threadId);
    const verdict = definition === undefined ? { value: data } : await this.#check(definition, data);
    if (session.isOver) return;
    // the application may have taken it out of the thread meanwhile
    if (session.isIn(threadId) !== wasIn && !(await session.mayPublish(threadId))) {
      this.#refuse(request, 'forbidden');
      return;
    }
    if (verdict.issues !== undefined) {
      const paths = verdict.issues.map(({ path }) => path);
      this.#refuse(request, 'invalid', { why: textOfIssues(verdict.issues), paths });
      return;
    }
    this.#scope ??= scopeOf(session.settings);
    const scoped = scopedId(this.#scope, id);
    const message = { threadId, pattern: definition?.pattern, id: scoped, data: verdict.value, trace };
    const isHeard = session.emit(message);
    const { rules, session: authenticated } = session.settings;
    const { onPublish } = rules;
    if (onPublish !== undefined) {
      const answer = onPublish(authenticated, message, session.connection);
      this.#answer(request, scoped, await withDeadline('onPublish', answer, this.#services));
    } else if (isHeard) this.#answer(request, scoped, true);
    else this.#refuse(request, 'unhandled');
  }

  /** What the definition's schema makes of a message. */
  #check({ parts: { message, publish = message } }: ThreadDefinition, data: unknown): MaybePromise<Verdict> {
    return withDeadline('schema', checkSchema(publish, data), this.#services);
  }

  /** @param scoped the message's id in the thread, unless the application chooses another */
  #answer(request: Request & { readonly t: 'pub' }, scoped: string, answer: PublishAnswer): void {
    if (answer === false) this.#refuse(request, 'forbidden');
    else if (answer instanceof Refusal)
      this.#refuse(request, REFUSALS[answer.status] ?? 'forbidden', { why: answer.message });
    else {
      const receipt = answer instanceof Answer ? answer.receipt : answer;
      const { id = scoped, position } = typeof receipt === 'object' && receipt !== null ? receipt : {};
      const data = answer instanceof Answer ? answerJson(answer.data) : undefined;
      this.#session.line.sendNotice(notices.accepted(request.th, request.id, { mid: id, pos: position, data }));
    }
  }

  /** Answers with the error's code, if there is one for clients. */
  fail(request: Request, error: unknown): void {
    if (this.#session.isOver) return;
    const isEnding = error instanceof HubClosedError || error instanceof ThreadClosedError;
    // no answer: the client reconnects to another process, and joins or publishes again there
    if (isEnding && !this.#services.status.isRunning) return;
    // a client that reconnects later joins then; a refused client would not
    if ('join' in request && error instanceof LogUnavailableError) {
      this.#session.line.evict(closeCodes.overloaded);
      return;
    }
    if ('isInUrl' in request && request.isInUrl) {
      this.#failInUrl(error);
      return;
    }
    const isKnown = error instanceof ThreadcastError;
    const isHubFull = error instanceof TooManyThreadsError && error.connectionId === undefined;
    const code = isKnown ? error.code : 'internal';
    this.#refuse(request, isHubFull ? 'unavailable' : code);
    // nothing that a client sends makes a session invalid
    const isAnswers = error instanceof AnswerTimeoutError || error instanceof AnswerTooLargeError;
    const isOurs = request.t === 'renew' || isAnswers;
    if (!isKnown || isHubFull || isOurs) this.#services.report(error);
  }

  /** A client that does not use our library does not read answers: it is closed, or stays with the threads that it may join. */
  #failInUrl(error: unknown): void {
    const { line } = this.#session;
    if (error instanceof TooManyThreadsError && error.connectionId !== undefined) {
      line.evict(closeCodes.forbidden);
      return;
    }
    const isTheirs = error instanceof ThreadcastError && THEIR_ERRORS.has(error.code);
    line.evict(isTheirs ? closeCodes.badMessage : closeCodes.overloaded);
    if (!isTheirs) this.#services.report(error);
  }

  #refuse(request: Request, code: string, reasons?: { why: string; paths?: readonly string[] }): void {
    if ('isInUrl' in request && request.isInUrl) {
      this.#session.line.evict(closeCodes.forbidden);
      return;
    }
    // the id as it came, even if invalid, but not megabytes of it
    const about = {
      ...('th' in request && isShort(request.th) && { th: request.th }),
      ...('join' in request && { ref: request.join.ref }),
      ...(request.t === 'renew' && { ref: request.ref }),
      ...(request.t === 'pub' && isShort(request.id) && { id: request.id }),
      ...reasons,
    };
    this.#session.line.sendNotice(notices.error(code, about));
  }
}

/** Bytes of the JSON of an answer's data. */
const MAX_ANSWER_BYTES = 65_536;

/** @throws AnswerTooLargeError, and what JSON.stringify throws */
function answerJson(data: unknown): string | undefined {
  // its result is undefined for undefined, a function and a symbol
  const json: string | undefined = JSON.stringify(data);
  const bytes = json === undefined ? 0 : Buffer.byteLength(json);
  if (bytes > MAX_ANSWER_BYTES) throw new AnswerTooLargeError({ bytes, limit: MAX_ANSWER_BYTES });
  return json;
}

const isShort = (text: string): boolean => text.length <= 256;
