import type { AnswerClaim, LogAnswers } from '../../../api/log-answers.ts';
import { ANSWERS_KEPT_MS } from '../memory-answers.ts';
import { asText } from './codec.ts';
import type { LivingNodes } from '../shared/living-nodes.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { ANSWER, CLAIM, RELEASE, type Script } from './scripts.ts';

/** Remembered answers: a hash for each thread, with a claim or an answer under each key. */
export class RedisAnswers implements LogAnswers {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly #nodes: LivingNodes;
  readonly #retryUntil: RetryUntil;

  constructor(session: RedisSession, settings: RedisLogSettings, nodes: LivingNodes, retryUntil: RetryUntil) {
    this.#session = session;
    this.#settings = settings;
    this.#nodes = nodes;
    this.#retryUntil = retryUntil;
  }

  claim(threadId: string, key: string): Promise<AnswerClaim> {
    return this.#retryUntil.withinDeadline(threadId, async () => {
      // a claim counts only while its node is known to be alive
      await this.#nodes.reported();
      return this.#claim(threadId, key, '');
    });
  }

  async answer(threadId: string, key: string, answer: string): Promise<void> {
    await this.#retryUntil.withinDeadline(threadId, () => this.#run(ANSWER, threadId, key, answer));
  }

  async release(threadId: string, key: string): Promise<void> {
    await this.#retryUntil.withinDeadline(threadId, () => this.#run(RELEASE, threadId, key, this.#settings.nodeId));
  }

  /** @param dead a node whose claim is void */
  async #claim(threadId: string, key: string, dead: string): Promise<AnswerClaim> {
    const found = asText(await this.#run(CLAIM, threadId, key, this.#settings.nodeId, dead));
    if (found === '') return { is: 'claimed' };
    const rest = found.slice(1);
    if (found.startsWith('A')) return { is: 'answered', answer: rest };
    return (await this.#nodes.isDead(rest)) ? this.#claim(threadId, key, rest) : { is: 'pending' };
  }

  #run(script: Script, threadId: string, key: string, ...args: readonly string[]): Promise<unknown> {
    const { keys, redisNow } = this.#settings;
    return this.#session.run(
      script,
      [keys.thread(threadId).answers],
      [redisNow(), String(ANSWERS_KEPT_MS), key, ...args],
    );
  }
}
