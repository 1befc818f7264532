import type { Latency } from '../../src/testing/index.ts';

/** Who connects. */
export interface Caller {
  readonly userId: string;
  readonly clientId: string | undefined;
  readonly takesBytes: boolean;
  readonly latency: Latency;
}
