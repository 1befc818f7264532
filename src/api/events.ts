import type { Connection } from './connection.ts';

export interface HubEvents {
  connection: Connection;
  /** A machine of this hub has changed its state, or entered the same one again because its time was up. */
  transition: Transition;
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
