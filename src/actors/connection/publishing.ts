import { Answer } from '../../api/answer.ts';
import type { ClientMessage, Connection, PublishAnswer } from '../../api/connection.ts';
import type { ThreadDefinition } from '../../api/definition.ts';
import type { MaybePromise } from '../../api/message.ts';
import { Refusal } from '../../api/refusal.ts';
import { AnswerTooLargeError, InvalidAnswerError, InvalidOptionError, textOfIssues } from '../../infra/errors.ts';
import { assertThreadId, isId } from '../../infra/log/ids.ts';
import { base64Of } from '../../infra/wire/bytes-body.ts';
import { isThenable, withDeadline } from '../support/callback-deadline.ts';
import { scopedId, scopeOf } from '../support/id-scope.ts';
import { checkSchema, type Verdict } from '../support/schema-check.ts';
import type { Decision } from './asked-once.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { Request } from './wire-protocol.ts';

export type PublishRequest = Request & { readonly t: 'pub' };

/** Why a request is refused, in words. */
export interface Reasons {
  readonly why: string;
  readonly paths?: readonly string[];
}

/** A message that the application has accepted. */
export interface Acceptance {
  /** Its id in the thread. */
  readonly mid: string;
  readonly pos: string | undefined;
  /** The JSON of the application's data; of bytes, of their base64. */
  readonly data: string | undefined;
  /** The data are bytes. */
  readonly isBytes: boolean;
}

/** A client that publishes: over its connection, or by a request of its own. */
export interface Publisher {
  readonly settings: ConnectionSettings;
  /** As the application knows it. */
  readonly connection: Connection;
  /** The client has gone. */
  readonly isOver: boolean;
  isIn(threadId: string): boolean;
  /** Whether the client may publish there: it is in the thread, or may join it. */
  mayPublish(threadId: string): Promise<boolean>;
  /** Passes a message to the application's listeners; false if there are none. */
  readonly emit: (message: ClientMessage) => boolean;
}

/** Answers the client. */
export interface PublishAnswers {
  readonly accept: (request: PublishRequest, acceptance: Acceptance) => void;
  readonly refuse: (request: PublishRequest, code: string, reasons?: Reasons) => void;
}

/** The error code for the client when the application refuses with an HTTP status. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  429: 'rate-limited',
  503: 'unavailable',
};

type PublishServices = Pick<ConnectionServices, 'settings' | 'publications' | 'now' | 'lookAtEachSweep'>;

/** The code for the client when the application refuses. */
export const codeOf = ({ status }: Refusal): string => REFUSALS[status] ?? 'forbidden';

/** Passes what one client publishes to the application, and its answer to the client. */
export class Publishing {
  readonly #session: Publisher;
  readonly #services: PublishServices;
  readonly #answers: PublishAnswers;
  /** The scope of the ids that the client chooses; undefined before the first one. */
  #scope: string | undefined;

  constructor(session: Publisher, services: PublishServices, answers: PublishAnswers) {
    this.#session = session;
    this.#services = services;
    this.#answers = answers;
  }

  /** @throws what the application throws, and the errors of the library that the client gets as codes */
  async perform(request: PublishRequest): Promise<void> {
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
    if (!(await this.#mayStill(threadId, wasIn))) {
      this.#refuse(request, 'forbidden');
      return;
    }
    if (verdict.issues !== undefined) {
      const paths = verdict.issues.map(({ path }) => path);
      this.#refuse(request, 'invalid', { why: textOfIssues(verdict.issues), paths });
      return;
    }
    this.#scope ??= scopeOf(session.settings);
    const key = scopedId(this.#scope, id);
    const message = { threadId, pattern: definition?.pattern, id: key, data: verdict.value, trace };
    const { onPublish } = session.settings.rules;
    if (onPublish === undefined) {
      if (session.emit(message)) this.#accept(request, { mid: key, pos: undefined, data: undefined, isBytes: false });
      else this.#refuse(request, 'unhandled');
      return;
    }
    const ask = async (): Promise<Decision> => {
      if (session.isOver || !(await this.#mayStill(threadId, wasIn))) return { is: 'unasked' };
      session.emit(message);
      const answer = await onPublish(session.settings.session, message, session.connection);
      if (answer instanceof Answer && definition !== undefined) await this.#checkAnswer(definition, threadId, answer);
      return decisionOf(answer, key);
    };
    const decision = await this.#services.publications.decide({ threadId, key, definition, ask });
    if (decision.is === 'accepted') this.#accept(request, decision);
    else if (decision.is === 'refused' && decision.by !== undefined)
      this.#refuse(request, codeOf(decision.by), { why: decision.by.message });
    else this.#refuse(request, 'forbidden');
  }

  /** The application may have taken the client out of the thread meanwhile. */
  async #mayStill(threadId: string, wasIn: boolean): Promise<boolean> {
    return this.#session.isIn(threadId) === wasIn || this.#session.mayPublish(threadId);
  }

  /** What the definition's schema makes of a message. */
  #check({ parts: { message, publish = message } }: ThreadDefinition, data: unknown): MaybePromise<Verdict> {
    return withDeadline('schema', checkSchema(publish, data), this.#services);
  }

  /** @throws InvalidAnswerError, in development */
  async #checkAnswer({ pattern, parts }: ThreadDefinition, threadId: string, { data }: Answer): Promise<void> {
    if (parts.answer === undefined || !this.#services.settings.isDevelopment) return;
    const checking = checkSchema(parts.answer, data);
    const { issues } = isThenable(checking) ? await checking : checking;
    if (issues !== undefined) throw new InvalidAnswerError({ threadId, pattern, issues });
  }

  #accept(request: PublishRequest, { mid, pos, data, isBytes }: Acceptance): void {
    this.#answers.accept(request, { mid, pos, data, isBytes });
  }

  #refuse(request: PublishRequest, code: string, reasons?: Reasons): void {
    this.#answers.refuse(request, code, reasons);
  }
}

/** @param key the message's id in the thread, unless the application chooses another */
function decisionOf(answer: PublishAnswer, key: string): Decision {
  if (answer === false) return { is: 'refused', by: undefined };
  if (answer instanceof Refusal) return { is: 'refused', by: answer };
  const isAnswer = answer instanceof Answer;
  const receipt = isAnswer ? answer.receipt : answer;
  const { id = key, position } = typeof receipt === 'object' && receipt !== null ? receipt : {};
  const data: unknown = isAnswer ? answer.data : undefined;
  const isBytes = data instanceof Uint8Array;
  const json = answerJson(isBytes ? base64Of(data) : data);
  return { is: 'accepted', mid: id, pos: position, data: json, isBytes, isAnswer };
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
