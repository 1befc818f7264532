import type { IncomingMessage } from 'node:http';
import { InvalidOptionError, UnsupportedServerError } from '../../infra/errors.ts';
import { isBun } from '../../infra/runtime.ts';
import { types } from 'node:util';
import {
  checkChoice,
  checkFunction,
  checkCount,
  checkNumber,
  MAX_INT32,
  TIMER_RANGE,
  type Filled,
} from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { directAddress } from '../../infra/socket/client-address.ts';
import type { HubSettings } from '../support/settings.ts';
import type { AttachOptions } from '../../api/attach.ts';

/** `AttachOptions` with every default filled in; `allowedOrigins` is undefined for the same host. */
export type GatewaySettings = Filled<
  Omit<AttachOptions, 'allowedOrigins' | 'onPublish' | 'onValue' | 'reauthenticate' | 'clientAddress' | 'protocol'>
> &
  Pick<AttachOptions, 'allowedOrigins'> & {
    readonly protocol: AttachOptions['protocol'];
    /** Frames up to this size are read; larger ones up to `maxPayload` are refused. */
    readonly maxInputBytes: number;
    readonly onPublish: AttachOptions['onPublish'] | undefined;
    readonly onValue: AttachOptions['onValue'] | undefined;
    readonly reauthenticate: AttachOptions['reauthenticate'] | undefined;
    readonly clientAddress: (request: IncomingMessage) => string | undefined;
  };

const ATTACH_OPTIONS: OptionTable<AttachOptions> = {
  path: 'text',
  authenticate: 'function',
  reauthenticate: 'function',
  authenticateTimeoutMs: 'number',
  maxPendingHandshakes: 'number',
  authorize: 'function',
  onPublish: 'function',
  onValue: 'function',
  allowedOrigins: 'any',
  maxPayload: 'number',
  clientAddress: 'any',
  maxFragments: 'number',
  format: 'text',
  compress: 'boolean',
  allowPlain: 'boolean',
  protocol: 'any',
};

/**
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the option and its range; UnsupportedServerError for what the runtime has not
 */
export function resolveAttach(options: AttachOptions, { input }: HubSettings): GatewaySettings {
  checkOptions<AttachOptions>(options, ATTACH_OPTIONS);
  if (isBun && options.maxFragments !== undefined) {
    throw new UnsupportedServerError({ reason: 'Bun does not count fragments: leave maxFragments out' });
  }
  const { protocol } = options;
  const maxFrameBytes = protocol?.maxFrameBytes ?? input.maxFrameBytes;
  const maxPayload = checkCount('maxPayload', options.maxPayload, maxFrameBytes, { min: 1, max: maxFrameBytes });
  return {
    protocol,
    path: checkPath(options.path ?? '/'),
    authenticate: options.authenticate ?? (() => ({})),
    authorize: options.authorize ?? (() => false),
    onPublish: options.onPublish,
    onValue: options.onValue,
    reauthenticate: options.reauthenticate,
    ...checkOrigins(options.allowedOrigins),
    maxPayload,
    maxInputBytes: Math.min(maxPayload, protocol?.maxFrameBytes ?? input.maxInputBytes),
    clientAddress: checkAddress(options.clientAddress),
    maxFragments: checkCount('maxFragments', options.maxFragments, 1_024, { min: 1, max: MAX_INT32 }),
    format: checkChoice('format', options.format, 'json', ['json', 'plain']),
    compress: options.compress ?? false,
    allowPlain: options.allowPlain ?? true,
    authenticateTimeoutMs: checkNumber('authenticateTimeoutMs', options.authenticateTimeoutMs, 10_000, TIMER_RANGE),
    maxPendingHandshakes: checkCount('maxPendingHandshakes', options.maxPendingHandshakes, 1_000, { min: 1 }),
  };
}

export function checkAddress(clientAddress: AttachOptions['clientAddress']): GatewaySettings['clientAddress'] {
  if (clientAddress === false) return () => undefined;
  return checkFunction('clientAddress', clientAddress) ?? directAddress;
}

export function checkPath(path: unknown): string {
  if (typeof path === 'string' && /^\/[^?#\s]*$/.test(path)) return path;
  throw new InvalidOptionError({ option: 'path', value: path, expected: "a path from '/', without a query" });
}

/** A trailing slash, or a `*` within, would silently match no browser. */
export function checkOrigins(allowed: AttachOptions['allowedOrigins']): Pick<AttachOptions, 'allowedOrigins'> {
  if (allowed === undefined) return {};
  if (allowed === '*') return { allowedOrigins: allowed };
  if (typeof allowed === 'function') {
    if (!types.isAsyncFunction(allowed)) return { allowedOrigins: allowed };
    throw new InvalidOptionError({
      option: 'allowedOrigins',
      value: allowed,
      expected: 'a predicate that answers at once; decide in authenticate what takes longer',
    });
  }
  const isOrigin = (origin: unknown): boolean =>
    typeof origin === 'string' && /^(null|[a-z][a-z\d+.-]*:\/\/[^\s/?#*]+)$/.test(origin);
  const wrong: unknown = Array.isArray(allowed) ? allowed.find((origin) => !isOrigin(origin)) : allowed;
  if (wrong === undefined) return { allowedOrigins: [...allowed] };
  throw new InvalidOptionError({
    option: 'allowedOrigins',
    value: wrong,
    expected: "origins as 'https://example.com'",
  });
}
