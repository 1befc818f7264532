import { randomBytes } from 'node:crypto';
import { backgroundClock, CLOCK_METHODS } from '../infra/time/clock.ts';
import { InvalidOptionError } from '../infra/errors.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import { checkMethods, checkCount } from '../infra/option-checks.ts';
import { isLoopbackAddress } from './access.ts';
import type { Clock } from '../api/clock.ts';
import { Pools, type InspectedPool } from './pools.ts';

export interface InspectorOptions {
  /**
   * The secret that lets a page watch from anywhere; at least 16 characters of `[\w.~+/=-]`. The page asks for it, or takes it from its
   * address: `https://.../inspector/#token=...`.
   * @default a random key, made anew each time. It is part of `url` of `inspector` and of `location` of `inspectorHandler`, and only this
   * machine may watch
   */
  token?: string | undefined;
  /** Lets viewers evict, trip and reset connections. @default false */
  actions?: boolean | undefined;
  /** Maximum pages that watch at the same time; others have to wait. @default 8 */
  maxViewers?: number | undefined;
  /**
   * Host names that the server accepts, without ports, besides `localhost`, loopback addresses and, with a `token`, bare IP addresses.
   * @default none
   */
  allowedHosts?: readonly string[] | undefined;
  /**
   * Pools of this process (`createPool` of `threadcast/pool`): the page shows their connections, and the chart of their machine. For a relay
   * log, the pool that it uses.
   * @default none
   */
  pools?: readonly InspectedPool[] | undefined;
  /** The clock. @default the hub's, if it has one, else the system's monotonic clock, whose timers do not keep the process alive here */
  clock?: Clock | undefined;
}

export interface InspectorHandlerOptions extends InspectorOptions {
  /** The path of the inspector, with a slash at both ends. @default '/' */
  path?: string | undefined;
}

export interface InspectorServerOptions extends InspectorOptions {
  /** @default a free port */
  port?: number | undefined;
  /** The address to listen on; any other than a loopback address needs a `token`. @default '127.0.0.1' */
  host?: string | undefined;
}

export interface InspectorSettings {
  readonly token: string;
  /** The token was generated: only this machine may watch. */
  readonly isLocal: boolean;
  readonly hasActions: boolean;
  readonly maxViewers: number;
  readonly allowedHosts: readonly string[];
  readonly path: string;
  readonly clock: Clock;
  readonly pools: Pools;
}

/** `token` and `actions` decide permissions: a misspelled one, or a `'false'` from an environment, must not pass. */
const HANDLER_OPTIONS: OptionTable<InspectorHandlerOptions> = {
  // its own check hides its value
  token: 'any',
  actions: 'boolean',
  maxViewers: 'number',
  allowedHosts: 'list',
  pools: 'list',
  clock: 'any',
  path: 'text',
};

const { path: _, ...OPTIONS } = HANDLER_OPTIONS;
const SERVER_OPTIONS: OptionTable<InspectorServerOptions> = { ...OPTIONS, port: 'number', host: 'text' };

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveInspector(options: InspectorHandlerOptions): InspectorSettings {
  checkOptions<InspectorHandlerOptions>(options, HANDLER_OPTIONS);
  const { token, allowedHosts = [], path = '/', actions = false } = options;
  if (token !== undefined && (typeof token !== 'string' || !/^[\w.~+/=-]{16,}$/.test(token))) {
    // the value must not appear in a log
    throw new InvalidOptionError({ option: 'token', value: '(hidden)', expected: 'at least 16 of [\\w.~+/=-]' });
  }
  if (typeof path !== 'string' || !/^\/(.+\/)?$/.test(path)) {
    throw new InvalidOptionError({ option: 'path', value: path, expected: 'a path with a slash at both ends' });
  }
  if (!Array.isArray(allowedHosts) || !allowedHosts.every((host) => typeof host === 'string')) {
    throw new InvalidOptionError({ option: 'allowedHosts', value: allowedHosts, expected: 'an array of names' });
  }
  const { pools = [] } = options;
  for (const [i, pool] of pools.entries()) {
    if (
      checkMethods<InspectedPool | undefined>(`pools[${i}]`, pool, ['on']) === undefined ||
      !Array.isArray(pool.connections)
    )
      throw new InvalidOptionError({ option: `pools[${i}]`, value: pool, expected: 'a pool' });
  }
  return {
    token: token ?? randomBytes(24).toString('base64url'),
    isLocal: token === undefined,
    hasActions: actions,
    maxViewers: checkCount('maxViewers', options.maxViewers, 8, { min: 1, max: 1_000 }),
    allowedHosts: allowedHosts.map((host) => host.toLowerCase()),
    path,
    clock: checkMethods('clock', options.clock, CLOCK_METHODS) ?? backgroundClock,
    pools: new Pools(pools),
  };
}

/** @throws InvalidOptionError if it would let everyone watch */
export function resolveAddress(options: InspectorServerOptions): { readonly port: number; readonly host: string } {
  checkOptions<InspectorServerOptions>(options, SERVER_OPTIONS);
  const { port, host = '127.0.0.1', token } = options;
  if (token === undefined && host !== 'localhost' && !isLoopbackAddress(host)) {
    throw new InvalidOptionError({ option: 'host', value: host, expected: 'a loopback address, or a token' });
  }
  return { port: checkCount('port', port, 0, { min: 0, max: 65_535 }), host };
}
