import type { Connection } from './connection.ts';

export interface HubEvents {
  connection: Connection;
  /** A machine of this hub has changed its state, or entered the same one again because its time was up. */
  transition: Transition;
  /** A client was refused before the 101, which a browser's page cannot read: it sees a 1006 and dials again. */
  refused: RefusedHandshake;
  evicted: { readonly connection: Connection; readonly code: number; readonly reason: string };
  /** A log that is elsewhere has been lost, or found again; the connections stay, and catch up by themselves. */
  log: { readonly isUp: boolean; readonly error: Error | undefined };
  /** What threw without anybody to catch it: a listener, an inspector, the log. Without a listener it is a process warning. */
  error: unknown;
}

export interface Transition {
  readonly machine: string;
  /** Id of the actor, `connection:...`, `thread:...`, `hub`, `serializer`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/**
 * Why a handshake was refused, with the status of the answer:
 *
 * - `origin` (403): the page's origin is none of `allowedOrigins`; `path` (404): no hub is attached there, and nobody else listens
 * - `format` (400): the URL asks for a format that is not granted; `malformed` (400, 405): no handshake of RFC 6455
 * - `unauthenticated` (401): `authenticate` knows nobody; `application`: it answered with `refuse(status)`
 * - `timeout` (503): it had no answer in time; `failed` (500): it, or `allowedOrigins`, has thrown: see the `error` event
 * - `handshakes`, `connections` (503), `user-connections` (429): `maxPendingHandshakes`, `maxConnections`, `maxConnectionsPerUser`
 * - `rate-limited` (429): its user or its address has used up `maxInputPerSecondPerUser` or `maxInputPerSecondPerAddress`
 * - `stopping` (503): the hub drains or has been closed, or was detached meanwhile
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

/** A handshake that ended without a 101. All but `reason`, `status` and `userId` is as the client has sent it. */
export interface RefusedHandshake {
  readonly reason: RefusedReason;
  /** Of the HTTP answer. */
  readonly status: number;
  /** The page that wants to connect; undefined for clients that are no browsers. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Without the query, which may hold a token. */
  readonly path: string;
  /** Of the peer: behind a proxy, the proxy's. */
  readonly address: string | undefined;
  /** Where `authenticate` has said whose it is. */
  readonly userId: string | undefined;
}
