import type { Format } from './message.ts';

/** The client's identity, as `authenticate` found out. */
export interface Session {
  /** The user whose connection it is. @default none */
  userId?: string | undefined;
  /** The format, whatever the client asks for. @default the format that the client asks for */
  format?: Format | undefined;
  /** Any data for `authorize`, and for `connection.data`. @default none */
  data?: unknown;
  /**
   * When the session ends, in milliseconds since 1970 by the hub's clock; the `exp` of a JWT is in seconds. Then the hub closes the connection with 4401. With
   * `reauthenticate`, it asks the client for a fresh token before that. @default never
   */
  expiresAt?: number | undefined;
}
