import type { ConnectionStats } from '../../api/connection.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { Subscriptions } from './subscriptions.ts';

interface Parts {
  readonly line: ConnectionLine;
  readonly subscriptions: Subscriptions;
  readonly acceptedAt: number;
}

/** The figures of a connection, as its parts have them now. */
export function statsOf({ line, subscriptions, acceptedAt }: Parts, now: number): ConnectionStats {
  const ageMs = now - acceptedAt;
  const { machine, writer, liveness } = line;
  const { attempt, failures, trips } = machine.context;
  const { messages, bytes, unsentBytes } = writer;
  const { behind, lag } = subscriptions;
  const { roundTripMs } = liveness;
  const roundTripAgeMs = liveness.roundTripAgeMs(now);
  const { path } = machine;
  return {
    path,
    ageMs,
    lag,
    roundTripMs,
    roundTripAgeMs,
    messages,
    bytes,
    unsentBytes,
    behind,
    attempt,
    failures,
    trips,
  };
}
