import type { Connection } from './connection.ts';

export interface HubEvents {
  connection: Connection;
  /** A machine of this hub has changed its state, or entered the same state again after a timeout. */
  transition: Transition;
  /**
   * A client was refused at the handshake. `threadcast/client` reads the reason from the close code; a browser that does not offer our
   * subprotocol sees a 1006.
   */
  refused: RefusedHandshake;
  evicted: { readonly connection: Connection; readonly code: number; readonly reason: string };
  /**
   * A connection of this process has joined a thread: its client, or the application. A client that joins a thread that it is in, to read
   * from another position, does not join it again. The library's own threads are left out.
   */
  join: Membership;
  /** A connection of this process has left a thread that it had joined. Those of a connection that ends may come before `evicted` or after. */
  leave: Membership & { readonly reason: LeaveReason };
  /**
   * A message has been logged and offered, and this user of its `audience` had no connection in the thread then, in any process. A user with a
   * connection is not reported, even if that connection is behind or about to end. A second send with the same `idempotencyKey` reports again:
   * use `id` to notify the user once. While the log is unreachable, users without a connection in this process are reported, with an
   * `error` event.
   */
  undelivered: Undelivered;
  /** A shared log has become unreachable, or reachable again. The connections stay, and catch up by themselves. */
  log: { readonly isUp: boolean; readonly error: Error | undefined };
  /** An error that no caller could catch: of a listener, an inspector, or the log. Without a listener it is a process warning. */
  error: unknown;
}

/** A message and a user who has not been there. */
export interface Undelivered {
  readonly userId: string;
  readonly threadId: string;
  /** Of the message. */
  readonly id: string;
}

/** One connection in one thread. */
export interface Membership {
  readonly connection: Connection;
  readonly threadId: string;
}

/**
 * Why a connection has left a thread.
 *
 * - `left`: its client has asked for it.
 * - `kicked`, or the application's own text: `connection.leave`.
 * - `deleted`: the thread was erased.
 * - `closed`: the connection has ended.
 * - `failed`: its client wanted to read from another position, and the log could not be read.
 */
export type LeaveReason = 'left' | 'kicked' | 'deleted' | 'closed' | 'failed' | (string & Record<never, never>);

/** The machines of a hub. */
export type MachineName = 'hub' | 'connection' | 'thread' | 'serializer';

export interface Transition {
  readonly machine: MachineName;
  /** Id of the actor, `connection:...`, `thread:...`, `hub`, `serializer`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/**
 * Why a handshake was refused, with the status of the answer:
 *
 * - `origin` (403): the page's origin is not in `allowedOrigins`
 * - `path` (404): no hub is attached to the path, and the server has no other `upgrade` listener
 * - `format` (400): the URL asks for a format that is not allowed
 * - `malformed` (400, 405): not a handshake of RFC 6455; cut without an answer where it was sent behind a request that had none yet
 * - `unauthenticated` (401): `authenticate` returned no session
 * - `application`: `authenticate` returned `refuse(status)`
 * - `timeout` (503): `authenticate` did not answer in time
 * - `failed` (500): `authenticate`, or `allowedOrigins`, has thrown: see the `error` event
 * - `handshakes`, `connections` (503), `user-connections` (429): `maxPendingHandshakes`, `maxConnections`, `maxConnectionsPerUser`
 * - `rate-limited` (429): the user or the address has used up `maxInputPerSecondPerUser` or `maxInputPerSecondPerAddress`
 * - `stopping` (503, close code 1012): the hub drains or has been closed, or was detached meanwhile
 */
export type RefusedReason =
  | 'origin'
  | 'path'
  | 'format'
  | 'malformed'
  | 'unauthenticated'
  | 'application'
  | 'timeout'
  | 'failed'
  | 'handshakes'
  | 'connections'
  | 'user-connections'
  | 'rate-limited'
  | 'stopping';

/** A handshake that ended without a connection. All fields except `reason`, `status` and `userId` are as the client sent them. */
export interface RefusedHandshake {
  readonly reason: RefusedReason;
  /** Status of the HTTP answer, also if the client gets a close code instead. */
  readonly status: number;
  /** The origin of the page that wants to connect; undefined for clients that are not browsers. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Without the query, which may hold a token. */
  readonly path: string;
  /** Address of the socket: behind a proxy, the proxy's. */
  readonly address: string | undefined;
  /** The user, if `authenticate` has identified one. */
  readonly userId: string | undefined;
}
