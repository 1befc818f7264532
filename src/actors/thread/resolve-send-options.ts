import { LANES, type Lane } from '../../infra/log/entry.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { isId } from '../../infra/log/ids.ts';
import { checkChoice, checkNumber } from '../../infra/option-checks.ts';
import { activeContext, type SpanParent } from '../../infra/telemetry/spans.ts';

/** How one message is sent. */
export interface SendOptions {
  /** @default 'normal' */
  lane?: Lane | undefined;
  /** Conflation key: whoever is behind gets only the newest message with the same key. @default none */
  conflate?: string | undefined;
  /** After this time the message is not delivered any more to whoever is behind. @default never */
  expiresInMs?: number | undefined;
  /** Id of the message, `^[\w.:-]{1,128}$`: a second send with the same one is answered with the first's position. @default random */
  idempotencyKey?: string | undefined;
  /**
   * Takes a big message as it is at the call, in one go: that may block the event loop for 10 ms for each megabyte. Without it
   * the message belongs to the hub until `send` resolves. @default false
   */
  snapshot?: boolean | undefined;
  /** Parent of the publish span. @default the active context */
  traceContext?: SpanParent | undefined;
  /**
   * A W3C `traceparent` of what led to this message, as `onPublish` and `message` listeners are given it: becomes a link of the publish span, never its
   * parent, so that a client cannot decide what is sampled. What is none is ignored. @default none
   */
  traceLink?: string | undefined;
}

/** The options with defaults filled in. */
export interface SendSettings {
  readonly id: string;
  readonly lane: Lane;
  readonly conflate: string | undefined;
  readonly expiresAt: number;
  readonly isSnapshot: boolean;
  readonly parent: SpanParent;
  readonly link: string | undefined;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolveSend(options: SendOptions, hub: { now(): number; newId(): string }): SendSettings {
  const expiresInMs = checkNumber('expiresInMs', options.expiresInMs, Infinity, { min: 1 });
  return {
    id: checkId(options.idempotencyKey) ?? hub.newId(),
    lane: checkChoice('lane', options.lane, 'normal', LANES),
    conflate: checkText('conflate', options.conflate),
    expiresAt: expiresInMs === Infinity ? Infinity : hub.now() + expiresInMs,
    isSnapshot: options.snapshot === true,
    parent: options.traceContext ?? activeContext(),
    link: options.traceLink,
  };
}

function checkId(value: string | undefined): string | undefined {
  if (value === undefined || isId(value)) return value;
  throw new InvalidOptionError({ option: 'idempotencyKey', value, expected: 'a text that matches ^[\\w.:-]{1,128}$' });
}

function checkText(option: string, value: string | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new InvalidOptionError({ option, value, expected: 'a text' });
}
