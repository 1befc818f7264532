import { randomBytes } from 'node:crypto';
import { backgroundClock, CLOCK_METHODS } from '../infra/time/clock.ts';
import { InvalidOptionError } from '../infra/errors.ts';
import { checkOptions, type OptionTable } from '../infra/option-table.ts';
import { checkMethods, checkCount } from '../infra/option-checks.ts';
import { isLoopbackAddress } from './access.ts';
import type { Clock } from '../api/clock.ts';

export interface InspectorOptions {
  /**
   * Who brings it may watch from anywhere; at least 16 characters of `[\w.~+/=-]`. The page asks for it, or takes it from its address:
   * `https://.../inspector/#token=...`.
   * @default one that is made anew each time, for who can read what this process says: it is part of `url` of `inspector` and of
   *   `location` of `inspectorHandler`, and only this machine may watch
   */
  token?: string | undefined;
  /** Lets viewers evict, trip and reset connections. @default false */
  actions?: boolean | undefined;
  /** Pages that may watch at the same time; others are told to wait. @default 8 */
  maxViewers?: number | undefined;
  /**
   * Names by which the server may be called, without ports, besides `localhost`, loopback addresses and, with a `token`, bare IP
   * addresses. @default none
   */
  allowedHosts?: readonly string[] | undefined;
  /** Time; the hub's, where that has one of its own. @default the system's monotonic clock, whose timers keep no process alive here */
  clock?: Clock | undefined;
}

export interface InspectorHandlerOptions extends InspectorOptions {
  /** Where the inspector is, with a slash at both ends. @default '/' */
  path?: string | undefined;
}

export interface InspectorServerOptions extends InspectorOptions {
  /** @default a free one */
  port?: number | undefined;
  /** The address to listen on; another than a loopback one needs a `token`. @default '127.0.0.1' */
  host?: string | undefined;
}

export interface InspectorSettings {
  readonly token: string;
  /** The token was made here: only this machine may watch. */
  readonly isLocal: boolean;
  readonly hasActions: boolean;
  readonly maxViewers: number;
  readonly allowedHosts: readonly string[];
  readonly path: string;
  readonly clock: Clock;
}

/** `token` and `actions` have a say in who may do what: a misspelled one, or a `'false'` from an environment, must not pass. */
const HANDLER_OPTIONS: OptionTable<InspectorHandlerOptions> = {
  // its own check hides its value
  token: 'any',
  actions: 'boolean',
  maxViewers: 'number',
  allowedHosts: 'list',
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
    // its value is nobody's to read in a log
    throw new InvalidOptionError({ option: 'token', value: '(hidden)', expected: 'at least 16 of [\\w.~+/=-]' });
  }
  if (typeof path !== 'string' || !/^\/(.+\/)?$/.test(path)) {
    throw new InvalidOptionError({ option: 'path', value: path, expected: 'a path with a slash at both ends' });
  }
  if (!Array.isArray(allowedHosts) || !allowedHosts.every((host) => typeof host === 'string')) {
    throw new InvalidOptionError({ option: 'allowedHosts', value: allowedHosts, expected: 'an array of names' });
  }
  return {
    token: token ?? randomBytes(24).toString('base64url'),
    isLocal: token === undefined,
    hasActions: actions,
    maxViewers: checkCount('maxViewers', options.maxViewers, 8, { min: 1, max: 1_000 }),
    allowedHosts: allowedHosts.map((host) => host.toLowerCase()),
    path,
    clock: checkMethods('clock', options.clock, CLOCK_METHODS) ?? backgroundClock,
  };
}

/** @throws InvalidOptionError: everybody could watch */
export function resolveAddress(options: InspectorServerOptions): { readonly port: number; readonly host: string } {
  checkOptions<InspectorServerOptions>(options, SERVER_OPTIONS);
  const { port, host = '127.0.0.1', token } = options;
  if (token === undefined && host !== 'localhost' && !isLoopbackAddress(host)) {
    throw new InvalidOptionError({ option: 'host', value: host, expected: 'a loopback address, or a token' });
  }
  return { port: checkCount('port', port, 0, { min: 0, max: 65_535 }), host };
}
