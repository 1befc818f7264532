/** Where the connection stands; see `Client.state`. */
export type ClientState = 'connecting' | 'open' | 'waiting' | 'closed';

/** What happens to a connection. */
export type ClientStep = 'opened' | 'lost' | 'retried' | 'ended';

/** A change of state, and why. */
export interface StateChange {
  readonly from: ClientState;
  readonly to: ClientState;
  /** Close code, where a socket was lost or ended: 1006 where there was no close frame. */
  readonly code?: number;
  readonly reason?: string;
  /**
   * With `waiting`: attempts in a row that the server has not answered with its `hello`, or that it has ended with "come back later"; at the
   * fifth one a ConnectionFailingError is an `error` event of the client.
   */
  readonly failures?: number;
  /** With `waiting`: milliseconds until the next attempt; `online` and a page that is shown again may come before. */
  readonly retryInMs?: number;
}

/** What a connection reports to its client. */
export interface ConnectionListener {
  onState(change: StateChange): void;
  /** What a socket received. */
  onData(data: unknown): void;
  /** An error without consequences. */
  report(error: unknown): void;
}

const transitions: Readonly<Record<ClientState, Partial<Record<ClientStep, ClientState>>>> = {
  connecting: { opened: 'open', lost: 'waiting', ended: 'closed' },
  open: { lost: 'waiting', ended: 'closed' },
  waiting: { retried: 'connecting', ended: 'closed' },
  closed: {},
};

/** The next state, or undefined where the step means nothing. */
export function nextState(state: ClientState, step: ClientStep): ClientState | undefined {
  return transitions[state][step];
}
