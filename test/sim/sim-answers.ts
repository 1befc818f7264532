import type { LogAnswers } from '../../src/api/log-answers.ts';

/** A process that answers. */
interface Process {
  readonly isDead: boolean;
}

/** Who works on which question: what a shared log tells one process of another, and the memory log has no need to know. */
export class SimClaims {
  readonly #claims = new Map<string, Process>();

  /** The answers as one process has them. */
  of(process: Process, answers: LogAnswers): LogAnswers {
    const claims = this.#claims;
    const end = (name: string): void => {
      if (claims.get(name) === process) claims.delete(name);
    };
    return {
      ...(answers.held !== undefined && { held: answers.held }),
      claim: (threadId, key) => {
        const name = `${threadId} ${key}`;
        const other = claims.get(name);
        if (other !== undefined && other !== process && !other.isDead) return { is: 'pending' };
        const found = answers.claim(threadId, key);
        if (!(found instanceof Promise) && found.is === 'claimed') claims.set(name, process);
        return found;
      },
      answer: (threadId, key, answer) => {
        end(`${threadId} ${key}`);
        return answers.answer(threadId, key, answer);
      },
      release: (threadId, key) => {
        const name = `${threadId} ${key}`;
        // another process has taken it over
        if (claims.get(name) !== process) return undefined;
        end(name);
        return answers.release(threadId, key);
      },
    };
  }
}
