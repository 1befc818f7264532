import type { MaybePromise } from './message.ts';

/**
 * What a claim finds.
 *
 * - `claimed`: the caller does the work, then calls `answer` or `release`. A process gets its own claim again: it knows whether it is still
 *   at work.
 * - `pending`: another living process is at work. Claim again later.
 * - `answered`: the work is done.
 */
export type AnswerClaim =
  { readonly is: 'claimed' } | { readonly is: 'pending' } | { readonly is: 'answered'; readonly answer: string };

/**
 * Answers to requests, remembered with the key of each request for ten minutes, in all processes. So the work behind a request is done once
 * while the process that began it is alive. After its end, the next process that claims the key does the work anew.
 */
export interface LogAnswers {
  /** What this process holds of them in memory, by the log's own count. Absent if a log holds them elsewhere. */
  readonly held?: { readonly count: number; readonly bytes: number } | undefined;
  /** @throws LogUnavailableError: the key may have been claimed for this process */
  claim(threadId: string, key: string): MaybePromise<AnswerClaim>;
  /**
   * Remembers the answer of a claimed key. The first answer stays.
   * @param answer at most 64 KiB: the caller checks
   * @throws LogUnavailableError: the answer may have been remembered
   */
  answer(threadId: string, key: string, answer: string): MaybePromise<void>;
  /**
   * Gives up a claim of this process without an answer: the next claim does the work anew.
   * @throws LogUnavailableError: the claim ends after ten minutes, or with this process
   */
  release(threadId: string, key: string): MaybePromise<void>;
}
