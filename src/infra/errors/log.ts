import { ThreadcastError } from './base.ts';

/**
 * The log did not answer in time, or too many requests already wait for it. A failed append may still have been done. Repeating it with the
 * same idempotency key appends at most once.
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

/** Redis or Postgres holds data of another threadcast version, with a layout that this version cannot share, or Postgres has no tables. */
export class LogLayoutError extends ThreadcastError {
  readonly code = 'TC_LOG_LAYOUT';
  /** The layout that was found: a version, or `none`. */
  readonly found: string;
  /** The layout of this version. */
  readonly expected: string;
  /** The prefix of the keys in Redis, or the schema in Postgres. */
  readonly prefix: string;

  constructor(facts: { found: string; expected: string; prefix: string; keeper?: 'Redis' | 'Postgres' }) {
    const { found, expected, prefix, keeper = 'Redis' } = facts;
    const where = `${keeper} has layout ${found} under the ${keeper === 'Redis' ? 'prefix' : 'schema'} ${JSON.stringify(prefix)}`;
    super(`${where}, this version of threadcast has layout ${expected}. ${adviceOf(keeper, found, prefix)}`);
    this.found = found;
    this.expected = expected;
    this.prefix = prefix;
  }
}

function adviceOf(keeper: 'Redis' | 'Postgres', found: string, schema: string): string {
  if (keeper === 'Redis')
    return 'Give its nodes another `prefix`, or stop all nodes of the other version and delete its keys: docs/scaling.md, "Versions"';
  const read = 'docs/postgres.md, "Schema"';
  if (found !== 'none') return `Give its nodes another \`schema\`, in a database with the encoding UTF8: ${read}`;
  const command = `npx threadcast-postgres-schema --schema ${schema} | psql --single-transaction "$DATABASE_URL"`;
  return `Create the tables: \`${command}\`. ${read}`;
}

/** The hub's log does not implement a part of the port that this call needs. Nothing has changed. */
export class LogUnsupportedError extends ThreadcastError {
  readonly code = 'TC_LOG_UNSUPPORTED';
  /** The missing member of `DeliveryLog`. */
  readonly feature: 'presence' | 'answers' | 'values' | 'stage';

  constructor(feature: LogUnsupportedError['feature']) {
    super(
      `the log of this hub has no \`${feature}\`: use a log that implements it, for example ${feature === 'stage' ? 'postgresLog()' : 'memoryLog() or redisLog()'}`,
    );
    this.feature = feature;
  }
}

/** A warning of the process: with this policy, a full Redis deletes threads, with their positions and members. */
export class LogEvictionError extends ThreadcastError {
  readonly code = 'TC_LOG_EVICTION';
  /** Redis's `maxmemory-policy`. */
  readonly policy: string;

  constructor(facts: { policy: string }) {
    super(`Redis has maxmemory-policy ${facts.policy}: when it is full, it throws whole threads away; set noeviction`);
    this.policy = facts.policy;
  }
}

/** A warning of the process: the log has an entry that this library cannot have written. It keeps its place, and no client gets it. */
export class MalformedEntryError extends ThreadcastError {
  readonly code = 'TC_MALFORMED_ENTRY';
  readonly threadId: string;
  readonly offset: number;
  readonly reason: string;

  constructor(facts: { threadId: string; offset: number; reason: string }) {
    super(`entry ${facts.offset} of thread ${facts.threadId} is malformed: ${facts.reason}`);
    this.threadId = facts.threadId;
    this.offset = facts.offset;
    this.reason = facts.reason;
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

/** `HubOptions.history` has failed, or has answered with something else than a page; the `cause` is its error. */
export class HistoryFailedError extends ThreadcastError {
  readonly code = 'TC_HISTORY_FAILED';
  readonly threadId: string;
  readonly reason: string;

  constructor(facts: { threadId: string; reason: string; cause?: unknown }) {
    super(`history.load of thread ${facts.threadId}: ${facts.reason}`, { cause: facts.cause });
    this.threadId = facts.threadId;
    this.reason = facts.reason;
  }
}

/** `history` from a position that the log does not know: the messages after it cannot be determined. */
export class PositionLostError extends ThreadcastError {
  readonly code = 'TC_POSITION_LOST';
  readonly threadId: string;
  readonly position: string;
  /** `epoch`: the position is of another epoch of the log. `ahead`: the log has lost its end and has not reached that offset again. */
  readonly why: 'epoch' | 'ahead';

  constructor(facts: { threadId: string; position: string; why: PositionLostError['why'] }) {
    super(`thread ${facts.threadId} does not know position ${facts.position}: ${facts.why}`);
    this.threadId = facts.threadId;
    this.position = facts.position;
    this.why = facts.why;
  }
}

/** The log does not hold this message: it never did, it is too old, or it was superseded or removed. Nothing has changed. */
export class UnknownMessageError extends ThreadcastError {
  readonly code = 'TC_UNKNOWN_MESSAGE';
  readonly threadId: string;
  readonly messageId: string;

  constructor(facts: { threadId: string; messageId: string }) {
    super(`the log of thread ${facts.threadId} does not hold message ${facts.messageId}`);
    this.threadId = facts.threadId;
    this.messageId = facts.messageId;
  }
}
