/** How long to wait before another attempt. */
export interface Backoff {
  /** The shortest wait, in milliseconds. @default 500 */
  readonly minMs: number;
  /** The longest wait, in milliseconds. @default 20000 */
  readonly maxMs: number;
}

/**
 * Full jitter over a ceiling that doubles with each attempt: anything from `minMs` to `minMs * 2^attempt`, at most `maxMs`.
 * Spreads clients that were cut off together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 *
 * @param attempt 1 for the first
 * @param random uniform in [0, 1)
 * @param spreadMs the least ceiling, which the server of many clients asks for
 */
export function backoffDelay({ minMs, maxMs }: Backoff, attempt: number, random: () => number, spreadMs = 0): number {
  return minMs + random() * (Math.min(maxMs, Math.max(minMs * 2 ** attempt, spreadMs)) - minMs);
}

/** The server asked for a pause (1013, 4429): anything from half of `maxMs` to `maxMs`. */
export function laterDelay({ maxMs }: Backoff, random: () => number): number {
  return (maxMs / 2) * (1 + random());
}

/** The longest wait that a server can impose on its clients. */
export const LONGEST_RETRY_MS = 300_000;

/** A connection that lasted for this many shortest waits was good: the next attempt counts as the first again. */
export const GOOD_WAITS = 10;
