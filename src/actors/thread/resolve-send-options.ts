import { LANES } from '../../infra/log/entry.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { checkId } from '../../infra/log/ids.ts';
import { checkChoice, checkNumber } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import { userScope } from '../support/id-scope.ts';
import { activeContext, type SpanParent } from '../../infra/telemetry/spans.ts';
import type { Lane, SendOptions } from '../../api/message.ts';

/** The options with defaults filled in. */
export interface SendSettings {
  readonly id: string;
  readonly lane: Lane;
  readonly conflate: string | undefined;
  /** Id of the message that it replaces. */
  readonly replaces: string | undefined;
  /** The scope of those who do not get it. */
  readonly except: string | undefined;
  /** Other threads get the same message under the same id. */
  readonly isShared: boolean;
  /** Users whom it is meant for. */
  readonly audience: readonly string[] | undefined;
  readonly expiresAt: number;
  readonly isSnapshot: boolean;
  readonly parent: SpanParent;
  readonly link: string | undefined;
}

const SEND_OPTIONS: OptionTable<SendOptions> = {
  audience: 'any',
  lane: 'text',
  conflate: 'text',
  except: 'any',
  expiresInMs: 'number',
  idempotencyKey: 'text',
  replaces: 'text',
  snapshot: 'boolean',
  traceContext: 'any',
  traceLink: 'text',
};

/**
 * Call it before anything else.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function checkSendOptions(options: SendOptions | undefined): void {
  if (options !== undefined) checkOptions<SendOptions>(options, SEND_OPTIONS);
}

function checkKey(conflate: string | undefined): string | undefined {
  if (conflate !== '') return conflate;
  throw new InvalidOptionError({ option: 'conflate', value: conflate, expected: 'a text that is not empty' });
}

function checkReplaces(options: SendOptions, id: string): string | undefined {
  if (options.replaces === undefined) return undefined;
  const replaces = checkId('replaces', options.replaces);
  const { lane, conflate, expiresInMs } = options;
  if (replaces !== id && lane !== 'volatile' && conflate === undefined && expiresInMs === undefined) return replaces;
  const expected = 'the id of another message, without conflate, expiresInMs and lane volatile';
  throw new InvalidOptionError({ option: 'replaces', value: replaces, expected });
}

/** What the options need of the hub. */
interface SendingHub {
  now(): number;
  newId(): string;
  /** Of the connection with this id, and of its client. */
  scopeOfConnection(connectionId: string): string;
}

function exceptOf(value: unknown, hub: SendingHub): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '') return hub.scopeOfConnection(value);
  const { userId, ...others } = isObject(value) ? value : {};
  if (typeof userId === 'string' && userId !== '' && Object.keys(others).length === 0) return userScope(userId);
  throw new InvalidOptionError({ option: 'except', value, expected: 'the id of a connection, or { userId }' });
}

function checkAudience(audience: unknown): readonly string[] | undefined {
  if (audience === undefined || areUserIds(audience)) return audience;
  throw new InvalidOptionError({ option: 'audience', value: audience, expected: 'an array of user ids' });
}

const areUserIds = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((id) => typeof id === 'string' && id !== '');

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveSend(options: SendOptions, hub: SendingHub, isShared = false): SendSettings {
  checkSendOptions(options);
  const expiresInMs = checkNumber('expiresInMs', options.expiresInMs, Infinity, { min: 1 });
  const id = options.idempotencyKey === undefined ? hub.newId() : checkId('idempotencyKey', options.idempotencyKey);
  return {
    id,
    lane: checkChoice('lane', options.lane, 'normal', LANES),
    conflate: checkKey(options.conflate),
    replaces: checkReplaces(options, id),
    except: exceptOf(options.except, hub),
    isShared,
    audience: checkAudience(options.audience),
    expiresAt: expiresInMs === Infinity ? Infinity : hub.now() + expiresInMs,
    isSnapshot: options.snapshot === true,
    parent: options.traceContext ?? activeContext(),
    link: options.traceLink,
  };
}
