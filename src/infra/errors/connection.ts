import { ThreadcastError, asError } from './base.ts';

/** An action on a connection that has been evicted or closed. */
export class ConnectionClosedError extends ThreadcastError {
  readonly code = 'TC_CONNECTION_CLOSED';
  readonly connectionId: string;

  constructor(facts: { connectionId: string; action: string }) {
    super(`connection ${facts.connectionId} is closed: ${facts.action} is refused`);
    this.connectionId = facts.connectionId;
  }
}

/** A socket that the hub cannot use: not open, already accepted, or not a `ws` WebSocket of a supported version. */
export class UnsupportedSocketError extends ThreadcastError {
  readonly code = 'TC_UNSUPPORTED_SOCKET';
  readonly reason: string;

  constructor(facts: { reason: string }) {
    super(`socket cannot be accepted: ${facts.reason}`);
    this.reason = facts.reason;
  }
}

/** The code behind a socket threw: its connection has ended with 1006, the others continue. See its `cause`. */
export class SocketFailedError extends ThreadcastError {
  readonly code = 'TC_SOCKET_FAILED';

  constructor(facts: { cause: unknown }) {
    super(`the code of a socket threw: ${asError(facts.cause).message}`, { cause: facts.cause });
  }
}

/** A connection beyond `maxConnections` or `maxConnectionsPerUser`; its socket has been closed with 1013. */
export class TooManyConnectionsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_CONNECTIONS';
  readonly limit: number;
  readonly userId: string | undefined;

  constructor(facts: { limit: number; userId?: string | undefined }) {
    const whose = facts.userId === undefined ? 'the hub' : `user ${facts.userId}`;
    super(`${whose} has reached the limit of ${facts.limit} connections`);
    this.limit = facts.limit;
    this.userId = facts.userId;
  }
}

/** A client joins more threads than `maxThreadsPerConnection`, or one that would be more than the hub's `maxThreads`. */
export class TooManyThreadsError extends ThreadcastError {
  readonly code = 'TC_TOO_MANY_THREADS';
  /** Undefined where it is the hub that has too many. */
  readonly connectionId: string | undefined;
  readonly limit: number;

  constructor(facts: { connectionId?: string; limit: number }) {
    const { connectionId, limit } = facts;
    const whose = connectionId === undefined ? 'the hub' : `connection ${connectionId}`;
    super(`${whose} has reached the limit of ${limit} threads`);
    this.connectionId = facts.connectionId;
    this.limit = facts.limit;
  }
}
