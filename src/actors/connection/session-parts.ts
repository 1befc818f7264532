import type { ClientMessage, Connection } from '../../api/connection.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { ConnectionSettings } from './resolve-accept-options.ts';
import type { SessionTerm } from './session-term.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The parts of a connection that its client can reach, and the application that decides. */
export interface SessionParts {
  readonly settings: ConnectionSettings;
  readonly line: ConnectionLine;
  readonly subscriptions: Subscriptions;
  /** Undefined if its session does not expire. */
  readonly term: SessionTerm | undefined;
  /** The connection as the application knows it. */
  readonly connection: Connection;
  /** Passes a message to the application's listeners; false if there are none. */
  readonly emit: (message: ClientMessage) => boolean;
}
