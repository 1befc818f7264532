import { ThreadcastError } from './base.ts';

/**
 * The log could not be asked in time, or too much waits for it already. Of an append it is not known whether it was done: a
 * second one with the same idempotency key appends at most once.
 */
export class LogUnavailableError extends ThreadcastError {
  readonly code = 'TC_LOG_UNAVAILABLE';
  readonly threadId: string | undefined;
  readonly reason: string;

  constructor(facts: { threadId?: string | undefined; reason: string; cause?: unknown }) {
    super(
      `log is unavailable${facts.threadId === undefined ? '' : ` for thread ${facts.threadId}`}: ${facts.reason}`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.threadId = facts.threadId;
    this.reason = facts.reason;
  }
}

/** Redis has what another version of threadcast has put there, with a layout that this one cannot share. */
export class LogLayoutError extends ThreadcastError {
  readonly code = 'TC_LOG_LAYOUT';
  /** The layout that Redis has. */
  readonly found: string;
  /** The layout of this version. */
  readonly expected: string;
  readonly prefix: string;

  constructor(facts: { found: string; expected: string; prefix: string }) {
    super(
      `Redis has layout ${facts.found} under the prefix ${JSON.stringify(facts.prefix)}, this version of threadcast has layout ${facts.expected}. ` +
        'Give its nodes another `prefix`, or stop all nodes of the other version and delete its keys: docs/scaling.md, "Versions"',
    );
    this.found = facts.found;
    this.expected = facts.expected;
    this.prefix = facts.prefix;
  }
}

/** A warning of the process: a Redis that is full throws threads away, with their positions and members. */
export class LogEvictionError extends ThreadcastError {
  readonly code = 'TC_LOG_EVICTION';
  /** Redis's `maxmemory-policy`. */
  readonly policy: string;

  constructor(facts: { policy: string }) {
    super(`Redis has maxmemory-policy ${facts.policy}: when it is full, it throws whole threads away; set noeviction`);
    this.policy = facts.policy;
  }
}

/** A position that is not `epoch.offset.id`. */
export class InvalidPositionError extends ThreadcastError {
  readonly code = 'TC_INVALID_POSITION';
  readonly position: string;

  constructor(position: unknown) {
    const shown = typeof position === 'string' ? position : `(${typeof position})`;
    super(`position ${JSON.stringify(shown.slice(0, 300))} is not epoch.offset.id`);
    this.position = shown;
  }
}

/** `history` from a position that the log does not know: what came after it cannot be told. */
export class PositionLostError extends ThreadcastError {
  readonly code = 'TC_POSITION_LOST';
  readonly threadId: string;
  readonly position: string;
  /** `epoch`: of another life of the log. `ahead`: the log has not come that far, so it has lost its end. */
  readonly why: 'epoch' | 'ahead';

  constructor(facts: { threadId: string; position: string; why: PositionLostError['why'] }) {
    super(`thread ${facts.threadId} does not know position ${facts.position}: ${facts.why}`);
    this.threadId = facts.threadId;
    this.position = facts.position;
    this.why = facts.why;
  }
}
