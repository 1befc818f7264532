/**
 * Why a hub should get no new clients.
 *
 * - `starting`, `draining`, `stopped`: its state.
 * - `log`: it cannot reach its shared log. Connections stay; what clients join or publish now is refused or late.
 * - `connections`: it has `maxConnections`, and refuses more (`whenFull: 'reject'`).
 */
export type HealthReason = 'starting' | 'draining' | 'stopped' | 'log' | 'connections';

/** What an orchestrator or a load balancer asks of a process. */
export interface Health {
  /** False once the hub has been closed: only a restart of the process serves again. */
  readonly live: boolean;
  /** New clients would be served. True if there are no reasons. */
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly HealthReason[];
}

/** The paths of the probes. */
export interface HealthHandlerOptions {
  /** Answers 200 while `live`, else 503. @default '/livez' */
  livePath?: string | undefined;
  /** Answers 200 while `ready`, else 503. @default '/readyz' */
  readyPath?: string | undefined;
}
