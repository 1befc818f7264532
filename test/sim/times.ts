import { simCodec } from './contents.ts';

/** Options of a hub whose times fit into a short schedule. */
export const TIMES = {
  sendTimeoutMs: 1_000,
  retryDelaysMs: [200, 400, 800],
  breakerThreshold: 3,
  cooldownMs: 2_000,
  heartbeatMs: 2_000,
  sweepMs: 500,
  threadIdleMs: 5_000,
  settleTimeoutMs: 5_000,
  streams: { timeoutMs: 3_000, codecs: [simCodec] },
};
