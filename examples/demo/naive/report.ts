import type { Block } from '../loop-probe.ts';

/** What the process with the loop over `ws` says of itself, four times a second. */
export interface NaiveReport {
  readonly messages: number;
  readonly longestBlock: Block;
  /** Bytes that the process keeps for its slowest client. */
  readonly buffered: number;
}

/** Both sides are ours, started from the same files: the shape is not checked any deeper. */
export function isNaiveReport(value: unknown): value is NaiveReport {
  return typeof value === 'object' && value !== null && 'longestBlock' in value && 'buffered' in value;
}
