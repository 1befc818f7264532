import type { ConnectionStats } from '../../api/connection.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The figures of a connection, as its parts have them now. */
export function statsOf(line: ConnectionLine, subscriptions: Subscriptions, ageMs: number): ConnectionStats {
  const { machine, writer, liveness } = line;
  const { attempt, failures, trips } = machine.context;
  const { messages, bytes, unsentBytes } = writer;
  const { behind, lag } = subscriptions;
  const { roundTripMs } = liveness;
  const { path } = machine;
  return { path, ageMs, lag, roundTripMs, messages, bytes, unsentBytes, behind, attempt, failures, trips };
}
