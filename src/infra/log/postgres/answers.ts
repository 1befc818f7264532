import type { AnswerClaim, LogAnswers } from '../../../api/log-answers.ts';
import { ANSWERS_KEPT_MS } from '../memory-answers.ts';
import type { LivingNodes } from '../shared/living-nodes.ts';
import type { RetryUntil } from '../shared/retry-until.ts';
import { hashOf } from './append-lane.ts';
import { textOf } from './driver.ts';
import type { PostgresLogSettings } from './options.ts';
import type { PostgresSession } from './session.ts';

/** Remembered answers: a row for each key, with a claim or an answer. */
export class PostgresAnswers implements LogAnswers {
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  readonly #nodes: LivingNodes;
  readonly #retryUntil: RetryUntil;

  constructor(session: PostgresSession, settings: PostgresLogSettings, nodes: LivingNodes, retryUntil: RetryUntil) {
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
    const { schema, now, nodeId } = this.#settings;
    const values = [now(), threadId, hashOf(key), nodeId, JSON.stringify(answer)];
    await this.#retryUntil.withinDeadline(threadId, () =>
      this.#session.query(`SELECT ${schema}.answer($1, $2, $3, $4, $5)`, values),
    );
  }

  async release(threadId: string, key: string): Promise<void> {
    const { schema, nodeId } = this.#settings;
    await this.#retryUntil.withinDeadline(threadId, () =>
      this.#session.query(
        `DELETE FROM ${schema}.answers WHERE thread = $1 AND key = $2 AND node = $3 AND answer IS NULL`,
        [threadId, hashOf(key), nodeId],
      ),
    );
  }

  /** @param dead a node whose claim is void */
  async #claim(threadId: string, key: string, dead: string): Promise<AnswerClaim> {
    const { schema, now, nodeId } = this.#settings;
    const [row] = await this.#session.query(`SELECT ${schema}.claim($1, $2, $3, $4, $5, $6) AS found`, [
      now(),
      ANSWERS_KEPT_MS,
      threadId,
      hashOf(key),
      nodeId,
      dead,
    ]);
    const found = textOf(row?.found);
    if (found === '') return { is: 'claimed' };
    const rest = found.slice(1);
    if (found.startsWith('A')) return { is: 'answered', answer: String(JSON.parse(rest)) };
    return rest !== '' && (await this.#nodes.isDead(rest)) ? this.#claim(threadId, key, rest) : { is: 'pending' };
  }
}
