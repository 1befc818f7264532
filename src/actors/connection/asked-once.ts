import type { ThreadDefinition } from '../../api/definition.ts';
import type { AnswerClaim, LogAnswers } from '../../api/log-answers.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { Refusal } from '../../api/refusal.ts';
import { AnswerTimeoutError, LogUnavailableError } from '../../infra/errors.ts';
import { pause } from '../../infra/time/pause.ts';
import { parseObject } from '../../infra/wire/json-object.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import type { HubContext } from '../support/context.ts';

/** What has become of a publication. */
export type Decision = Accepted | { readonly is: 'refused'; readonly by: Refusal | undefined } | Unasked;

interface Accepted {
  readonly is: 'accepted';
  /** Id of the message in the thread. */
  readonly mid: string;
  readonly pos: string | undefined;
  /** The JSON of the application's data; undefined if there is none. Of bytes, of their base64. */
  readonly data: string | undefined;
  readonly isBytes: boolean;
  /** The application has called `answer`. */
  readonly isAnswer: boolean;
}

/** The client has gone, or may not publish any more: the application was not asked. */
interface Unasked {
  readonly is: 'unasked';
}

export interface Question {
  readonly threadId: string;
  /** The idempotency key. */
  readonly key: string;
  /** Of the thread. */
  readonly definition: ThreadDefinition | undefined;
  readonly ask: () => MaybePromise<Decision>;
}

/** The waits of a retry while another process works on the first attempt: they double. */
const LOOKS_MS = { first: 50, last: 1_000 };

/** An application that never answers holds the place of its question for as long as answers are remembered. */
const MOST_RUNNING_MS = 600_000;

/**
 * Asks the application about each publication once, and remembers answers with data in the log. A retry waits for the first attempt, in this
 * process or in another, and gets its answer.
 *
 * A claim in a shared log costs a round trip, so threads whose definition has no `answer` go without one, until the application gives an
 * answer there nevertheless.
 */
export class AskedOnce {
  readonly #context: HubContext;
  /** The questions that the application has not answered, or whose answer is on its way to the log; the oldest first. */
  readonly #running = new Map<string, { readonly decision: Promise<Decision>; readonly since: number }>();
  /** Patterns whose definition has no `answer`, where the application has given one. */
  readonly #answering = new Set<string>();

  constructor(context: HubContext) {
    this.#context = context;
  }

  /** @throws AnswerTimeoutError, LogUnavailableError, and what the application throws */
  async decide(question: Question): Promise<Decision> {
    const name = `${question.threadId} ${question.key}`;
    for (;;) {
      const running = this.#running.get(name);
      if (running === undefined) return withDeadline('onPublish', this.#begin(name, question), this.#context);
      const decision = await withDeadline('onPublish', running.decision, this.#context);
      // it was the question of another connection, which has ended
      if (decision.is === 'accepted' && decision.isAnswer) this.#context.counters.answersRepeated++;
      if (decision.is !== 'unasked') return decision;
    }
  }

  #begin(name: string, question: Question): Promise<Decision> {
    const now = this.#context.now();
    for (const [oldest, { since }] of this.#running) {
      if (now - since < MOST_RUNNING_MS) break;
      this.#running.delete(oldest);
    }
    const claim = { isHeld: false };
    const decision = this.#work(question, claim);
    const running = { decision, since: now };
    this.#running.set(name, running);
    const end = (): void => {
      if (this.#running.get(name) === running) this.#running.delete(name);
    };
    decision.then(
      (found) => {
        const keeping = this.#keep(question, found, claim.isHeld);
        if (keeping === undefined) end();
        else keeping.catch((error: unknown) => this.#failed(error)).finally(end);
      },
      () => {
        end();
        if (claim.isHeld) this.#release(question).catch((error: unknown) => this.#failed(error));
      },
    );
    return decision;
  }

  async #work(question: Question, claim: { isHeld: boolean }): Promise<Decision> {
    const found = await this.#claim(question);
    if (found?.is === 'answered') {
      this.#context.counters.answersRepeated++;
      return decode(found.answer, question.key);
    }
    claim.isHeld = found !== undefined;
    return question.ask();
  }

  /** Undefined without a claim. */
  async #claim({ threadId, key, definition }: Question): Promise<AnswerClaim | undefined> {
    const { settings, status } = this.#context;
    const { answers } = settings.log;
    const isDeclared = definition?.parts.answer !== undefined;
    const mayAnswer = isDeclared || definition === undefined || this.#answering.has(definition.pattern);
    if (answers === undefined || !mayAnswer) return undefined;
    if (isDeclared) return this.#untilKnown(answers, threadId, key);
    // most of these have no answer: the log's outage must not be theirs
    if (!status.isLogUp) return undefined;
    try {
      return await this.#untilKnown(answers, threadId, key);
    } catch (error) {
      if (error instanceof LogUnavailableError) return undefined;
      throw error;
    }
  }

  async #untilKnown(answers: LogAnswers, threadId: string, key: string): Promise<AnswerClaim> {
    const { settings, clock, status, now } = this.#context;
    const timeoutMs = settings.answerTimeoutMs;
    const until = now() + timeoutMs;
    for (let waitMs = LOOKS_MS.first; ; waitMs = Math.min(2 * waitMs, LOOKS_MS.last)) {
      const found = await answers.claim(threadId, key);
      if (found.is !== 'pending') return found;
      status.assertRunning('publish');
      if (now() >= until) throw new AnswerTimeoutError({ callback: 'onPublish', timeoutMs });
      await pause(clock, waitMs);
    }
  }

  /** Undefined if there is nothing that a retry on this node must wait for. */
  #keep(question: Question, decision: Decision, isClaimed: boolean): Promise<void> | undefined {
    if (decision.is === 'accepted' && decision.isAnswer) return this.#remember(question, decision, isClaimed);
    if (isClaimed) this.#release(question).catch((error: unknown) => this.#failed(error));
    return undefined;
  }

  async #remember({ threadId, key, definition }: Question, accepted: Accepted, isClaimed: boolean): Promise<void> {
    const { answers } = this.#context.settings.log;
    if (definition !== undefined) this.#answering.add(definition.pattern);
    if (answers === undefined) return;
    if (!isClaimed && (await answers.claim(threadId, key)).is !== 'claimed') return;
    await answers.answer(threadId, key, encode(accepted));
    this.#context.counters.answersRemembered++;
  }

  async #release({ threadId, key }: Question): Promise<void> {
    await this.#context.settings.log.answers?.release(threadId, key);
  }

  #failed(error: unknown): void {
    if (this.#context.status.isRunning) this.#context.report(error);
  }
}

/** A header on one line, then the data. */
const encode = ({ mid, pos, data = '', isBytes }: Accepted): string =>
  `${JSON.stringify({ mid, pos, enc: isBytes ? 'base64' : undefined })}\n${data}`;

function decode(text: string, key: string): Accepted {
  const end = text.indexOf('\n');
  const { mid, pos, enc } = parseObject(text.slice(0, end)) ?? {};
  return {
    is: 'accepted',
    mid: typeof mid === 'string' ? mid : key,
    pos: typeof pos === 'string' ? pos : undefined,
    data: text.slice(end + 1) || undefined,
    isBytes: enc === 'base64',
    // remembered already
    isAnswer: false,
  };
}
