/** Time for each connection: at most 500 clients a second come back. */
const MS_EACH = 2;

/** No client waits longer, so that more clients than 2,500 come back faster. */
const MAX_MS = 5_000;

/** Clients that nothing tells otherwise come back within this time. */
const USUAL_MS = 1_000;

/**
 * Over how long a time the clients should come back if this process dies without a word, in milliseconds: 10,000 handshakes within a second
 * would keep the next process from everything else. Undefined if the clients are so few that it does not matter.
 */
export function spreadMs(connections: number): number | undefined {
  const ms = Math.min(MAX_MS, connections * MS_EACH);
  return ms > USUAL_MS ? ms : undefined;
}
