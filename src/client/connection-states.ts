/** The state of the connection; see `Client.state`. */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closed';

/** A change of state, and why. */
export interface StateChange {
  readonly from: ClientState;
  readonly to: ClientState;
  /** Close code, if a socket was lost or ended: 1006 without a close frame. */
  readonly code?: number;
  readonly reason?: string;
  /**
   * With `waiting`: attempts in a row without a `hello` of the server, or ended by it with "come back later". At the fifth, the client
   * emits an `error` event with a ConnectionFailingError.
   */
  readonly failures?: number;
  /** With `waiting`: milliseconds until the next attempt. `online`, or a page that becomes visible again, may bring it forward. */
  readonly retryInMs?: number;
}

/** What a connection reports to its client. */
export interface ConnectionListener {
  onState(change: StateChange): void;
  /** What a socket received. */
  onData(data: unknown): void;
  /** An error that does not end the connection. */
  report(error: unknown): void;
}
