import { closeCodes } from '../../infra/wire/close-codes.ts';
import {
  AnswerTimeoutError,
  AnswerTooLargeError,
  HistoryFailedError,
  HubClosedError,
  InvalidAnswerError,
  LogUnavailableError,
  ThreadcastError,
  ThreadClosedError,
  TooManyThreadsError,
} from '../../infra/errors.ts';
import type { ClientSession } from './client-session.ts';
import type { ConnectionServices } from './connection-services.ts';
import { guarded } from '../support/emitter.ts';
import { answerHistory } from './history-answers.ts';
import { codeOf, Publishing, type PublishRequest, type Reasons } from './publishing.ts';
import { ValueRequests } from './value-requests.ts';
import type { MaybePromise } from '../../api/message.ts';
import { notices, type Join, type Request, type ValueRequest } from './wire-protocol.ts';

/** Errors that the client's URL may have caused. */
const THEIR_ERRORS: ReadonlySet<string> = new Set(['TC_INVALID_THREAD_ID', 'TC_INVALID_POSITION']);

/** The application's, about a request that was in order. */
const ANSWER_ERRORS = [AnswerTimeoutError, AnswerTooLargeError, HistoryFailedError, InvalidAnswerError];

/** Performs a client's requests. Every request ends in an answer, a close code or nothing, never in a throw. */
export class ClientRequests {
  readonly #session: ClientSession;
  readonly #services: ConnectionServices;
  /** Undefined before the client's first message: most clients only read. */
  #publishing: Publishing | undefined;
  /** Undefined before the client's first value. */
  #values: ValueRequests | undefined;

  constructor(session: ClientSession, services: ConnectionServices) {
    this.#session = session;
    this.#services = services;
  }

  /** Never throws or rejects. A join that has to wait for nothing is done when it returns. */
  perform(request: Request): MaybePromise<void> {
    try {
      const performed = request.t === 'join' ? this.#join(request) : this.#perform(request);
      return performed?.catch((error: unknown) => this.#failed(request, error));
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  #failed(request: Request, error: unknown): void {
    guarded(() => this.fail(request, error), this.#services.report);
  }

  #join(request: Join): Promise<void> | undefined {
    const session = this.#session;
    if (session.isOver) return undefined;
    const joined = session.join(request.th, request.from, request.join);
    if (joined instanceof Promise) return joined.then((isIn) => this.#answerJoin(request, isIn));
    this.#answerJoin(request, joined);
    return undefined;
  }

  #answerJoin(request: Join, isIn: boolean): void {
    if (isIn) return;
    this.#refuse(request, 'forbidden');
    this.#session.greetMember(request.th, request.join.ref);
  }

  async #perform(request: Exclude<Request, Join>): Promise<void> {
    const session = this.#session;
    if (session.isOver) return;
    switch (request.t) {
      case 'inbox':
        if (!(await session.openInbox(request.from, request.join))) this.#refuse(request, 'forbidden');
        return;
      case 'history':
        if (!(await answerHistory(request, session, this.#services))) this.#refuse(request, 'forbidden');
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
      case 'val':
        await this.#change(request);
        return;
    }
  }

  #publish(request: PublishRequest): Promise<void> {
    const session = this.#session;
    this.#publishing ??= new Publishing(session, this.#services, {
      accept: ({ th, id }, acceptance) => session.line.sendNotice(notices.accepted(th, id, acceptance)),
      refuse: (...refusal) => this.#refuse(...refusal),
    });
    return this.#publishing.perform(request);
  }

  #change(request: ValueRequest): Promise<void> {
    const session = this.#session;
    this.#values ??= new ValueRequests(session, this.#services, {
      accept: ({ th, id }) => session.line.sendNotice(notices.done(th, id)),
      refuse: (...refusal) => this.#refuse(...refusal),
    });
    return this.#values.perform(request);
  }

  async #renew(request: Request & { readonly t: 'renew' }): Promise<void> {
    const session = this.#session;
    const answer = await session.renew(request.token);
    if (session.isOver) return;
    if (answer === true) session.line.sendNotice(notices.renewed(request.ref));
    else if (answer === 'unasked') this.#refuse(request, answer);
    else this.#refuse(request, codeOf(answer), { why: answer.message });
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
    const isAnswers = ANSWER_ERRORS.some((kind) => error instanceof kind);
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

  #refuse(request: Request, code: string, reasons?: Reasons): void {
    if ('isInUrl' in request && request.isInUrl) {
      this.#session.line.evict(closeCodes.forbidden);
      return;
    }
    // the id as it came, even if invalid, but not megabytes of it
    const about = {
      ...('th' in request && isShort(request.th) && { th: request.th }),
      ...('join' in request && { ref: request.join.ref }),
      ...((request.t === 'renew' || request.t === 'history') && { ref: request.ref }),
      ...((request.t === 'pub' || request.t === 'val') && isShort(request.id) && { id: request.id }),
      ...reasons,
    };
    this.#session.line.sendNotice(notices.error(code, about));
  }
}

const isShort = (text: string): boolean => text.length <= 256;
