import type { Pool, PoolOptions } from './api.ts';
import { ConnectionPool } from './connection-pool.ts';
import { resolvePoolOptions } from './options.ts';

export { attachRelay, type Relay, type RelayOptions } from '../infra/log/relay/attach-relay.ts';
export { relayLog, type RelayLogOptions } from './relay-log.ts';
export type {
  DrainOptions,
  Pool,
  PoolConnection,
  PoolConnectionState,
  PoolEvents,
  PoolOptions,
  PoolSize,
  PoolStats,
  PoolTransition,
  PoolUrl,
} from './api.ts';

/**
 * Connects this server to one or more hubs, and takes part in many threads over a few connections.
 *
 * ```ts
 * const pool = createPool({ url: 'wss://chat.example.org/ws', size: 4, token: () => serviceToken() });
 * for await (const { data } of pool.join('t1')) await pool.publish('t1', answerTo(data));
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function createPool(options: PoolOptions): Pool {
  return new ConnectionPool(resolvePoolOptions(options));
}
