import type { Connection, ConnectionStats } from '../api/connection.ts';
import type { Receipt } from '../api/receipt.ts';
import type { ConnectionSettings } from '../actors/connection/resolve-accept-options.ts';
import { ConnectionClosedError } from '../infra/errors.ts';

const STATS: ConnectionStats = {
  path: 'evicted',
  ageMs: 0,
  lag: 0,
  roundTripMs: undefined,
  roundTripAgeMs: undefined,
  messages: 0,
  bytes: 0,
  unsentBytes: 0,
  behind: 0,
  attempt: 0,
  failures: 0,
  trips: 0,
};

/** The connection of a message that was posted without one: it has ended. */
export class AbsentConnection implements Connection {
  readonly id: string;
  readonly userId: string | undefined;
  readonly data: unknown;
  readonly state = 'evicted';
  readonly threads = [] as const;
  readonly stats = STATS;

  constructor({ id, userId, session }: ConnectionSettings) {
    this.id = id;
    this.userId = userId;
    this.data = session.data;
  }

  on(): () => void {
    return () => {};
  }

  async join(): Promise<void> {
    throw this.#closed('join');
  }

  leave(): void {}

  async send(): Promise<Receipt> {
    throw this.#closed('send');
  }

  close(): void {}

  trip(): void {}

  reset(): void {}

  #closed(action: string): ConnectionClosedError {
    return new ConnectionClosedError({ connectionId: this.id, action });
  }
}
