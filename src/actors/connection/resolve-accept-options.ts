import { InvalidOptionError } from '../../infra/errors.ts';
import { checkChoice, checkCount } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { assertUserId } from '../../infra/log/ids.ts';
import { clientNetwork } from '../../infra/socket/client-address.ts';
import type { HubContext } from '../support/context.ts';
import { wallTime } from '../../infra/time/clock.ts';
import { assertExpiry } from './assert-session.ts';
import type { Format } from '../../api/message.ts';
import type { AttachOptions } from '../../api/attach.ts';
import type { Protocol } from '../../api/protocol.ts';
import type { Session } from '../../api/session.ts';
import type { AcceptOptions } from '../../api/connection.ts';
import type { ThreadDefinition } from '../../api/definition.ts';

/** Of a hub with definitions or without. */
export type AnyAcceptOptions = AcceptOptions<ThreadDefinition>;

/** The options of one connection with defaults filled in. */
export interface ConnectionSettings {
  readonly id: string;
  readonly userId: string | undefined;
  readonly clientId: string | undefined;
  readonly format: Format;
  /** See `AcceptOptions.takesBytes`. */
  readonly takesBytes?: boolean | undefined;
  /** Another protocol than ours. The format is `plain` then: nothing of ours is sent. */
  readonly protocol?: Protocol | undefined;
  /** It reads the threads that it asks for and nothing else: no messages to its user or to itself, which its client could not tell apart. */
  readonly isReader?: boolean | undefined;
  readonly address: string | undefined;
  /** Maximum bytes of one frame of the client; a larger one is refused. */
  readonly maxInputBytes: number;
  readonly rules: ClientRules;
  /** The client's session, for the rules. A fresh token of the client replaces it. */
  session: Session;
}

/** What the application decides about clients. Clients of the same gateway share it. */
export type ClientRules = Pick<Required<AttachOptions>, 'authorize'> & {
  readonly onPublish: AttachOptions<Session, ThreadDefinition>['onPublish'] | undefined;
  readonly onValue: AttachOptions<Session, ThreadDefinition>['onValue'] | undefined;
  readonly reauthenticate: AttachOptions['reauthenticate'] | undefined;
};

const ACCEPT_OPTIONS: OptionTable<AnyAcceptOptions> = {
  userId: 'text',
  clientId: 'text',
  data: 'any',
  expiresAt: 'number',
  reauthenticate: 'function',
  format: 'text',
  takesBytes: 'boolean',
  maxInputBytes: 'number',
  address: 'text',
  authorize: 'function',
  onPublish: 'function',
  onValue: 'function',
};

const NO_RULES: ClientRules = {
  authorize: () => false,
  onPublish: undefined,
  onValue: undefined,
  reauthenticate: undefined,
};
const NO_SESSION: Session = {};

const addressOf = (address: string | undefined): string | undefined => address && clientNetwork(address);

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveAccept(options: AnyAcceptOptions, { settings, newId, clock }: HubContext): ConnectionSettings {
  checkOptions<AnyAcceptOptions>(options, ACCEPT_OPTIONS);
  if (options.userId !== undefined) assertUserId('userId', options.userId);
  const { maxInputBytes } = settings.input;
  return {
    id: newId(),
    userId: options.userId,
    clientId: checkClientId(options.clientId),
    format: checkChoice('format', options.format, 'json', ['json', 'plain']),
    takesBytes: options.takesBytes,
    address: addressOf(options.address),
    maxInputBytes: checkCount('maxInputBytes', options.maxInputBytes, maxInputBytes, { min: 1, max: maxInputBytes }),
    rules: rulesOf(options),
    session: sessionOf(options, wallTime(clock)),
  };
}

function sessionOf({ userId, data, expiresAt }: AnyAcceptOptions, now: number): Session {
  if (expiresAt !== undefined) assertExpiry('expiresAt', expiresAt, now);
  return data === undefined && expiresAt === undefined ? NO_SESSION : { userId, data, expiresAt };
}

function rulesOf({ authorize, onPublish, onValue, reauthenticate }: AnyAcceptOptions): ClientRules {
  if ((authorize ?? onPublish ?? onValue ?? reauthenticate) === undefined) return NO_RULES;
  return {
    authorize: authorize === undefined ? NO_RULES.authorize : (_, threadId) => authorize(threadId),
    onPublish: onPublish && ((_, message, connection) => onPublish(message, connection)),
    onValue: onValue && ((_, change, connection) => onValue(change, connection)),
    reauthenticate: reauthenticate && ((_, token) => reauthenticate(token)),
  };
}

const CLIENT_ID = /^[\w-]{22,64}$/;

/** The client's id in the URL that it dialled; any other `cid` is a parameter of the application. */
export function clientIdIn(query: URLSearchParams): string | undefined {
  const cid = query.get('cid') ?? '';
  return CLIENT_ID.test(cid) ? cid : undefined;
}

/** The client's URL says that it reads binary messages, as `threadcast/client` does. */
export const takesBytesIn = (query: URLSearchParams): boolean => query.get('bytes') === '1';

function checkClientId(value: string | undefined): string | undefined {
  if (value === undefined || (typeof value === 'string' && CLIENT_ID.test(value))) return value;
  throw new InvalidOptionError({ option: 'clientId', value, expected: 'a text that matches ^[\\w-]{22,64}$' });
}
