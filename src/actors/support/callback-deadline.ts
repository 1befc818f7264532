import { AnswerTimeoutError } from '../../infra/errors.ts';
import type { HubContext } from './context.ts';
import type { MaybePromise } from '../../api/message.ts';

/**
 * The application's answer, or AnswerTimeoutError. The requests of a connection wait for each other, so an answer must not take forever.
 * The sweep checks the deadline, so that a question costs no timer. A late answer or failure is ignored.
 */
export function withDeadline<T>(
  callback: AnswerTimeoutError['callback'],
  answer: MaybePromise<T>,
  context: Pick<HubContext, 'settings' | 'now' | 'lookAtEachSweep'>,
): MaybePromise<T> {
  if (!isThenable(answer)) return answer;
  const timeoutMs = context.settings.answerTimeoutMs;
  const dueAt = context.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const answered = (): void => {
      isAnswered = true;
    };
    answer.then(resolve, reject).then(answered, answered);
    context.lookAtEachSweep(() => {
      const isLate = context.now() >= dueAt;
      if (isLate && !isAnswered) reject(new AnswerTimeoutError({ callback, timeoutMs }));
      return isLate || isAnswered;
    });
  });
}

/** Query builders of databases are not promises, but can be awaited. */
export function isThenable<T>(answer: MaybePromise<T>): answer is Promise<T> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}
