import type { ConnectionActor } from '../connection/connection.ts';

/** Connections by user, oldest first. */
export class UserIndex {
  readonly #byUser = new Map<string, Set<ConnectionActor>>();

  of(userId: string): ReadonlySet<ConnectionActor> {
    return this.#byUser.get(userId) ?? NO_CONNECTIONS;
  }

  add(connection: ConnectionActor): void {
    const { userId } = connection;
    if (userId === undefined) return;
    const connections = this.#byUser.get(userId);
    if (connections === undefined) this.#byUser.set(userId, new Set([connection]));
    else connections.add(connection);
  }

  delete(connection: ConnectionActor): void {
    const { userId } = connection;
    if (userId === undefined) return;
    const connections = this.#byUser.get(userId);
    connections?.delete(connection);
    if (connections?.size === 0) this.#byUser.delete(userId);
  }
}

const NO_CONNECTIONS: ReadonlySet<ConnectionActor> = new Set();
