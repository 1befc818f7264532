import { closeCodes } from '../infra/close-codes.ts';
import { TooManyConnectionsError } from '../infra/errors.ts';
import type { ConnectionActor } from './connection.ts';
import type { HubSettings } from './options.ts';
import { Users } from './users.ts';

/** The hub's connections: who is here, whose they are, how many there may be, and whose sockets are still closing. */
export class Lobby {
  readonly #settings: HubSettings;
  readonly #connections = new Map<string, ConnectionActor>();
  readonly #users = new Users();
  /** Evicted, but their sockets are still there. */
  readonly #closing = new Set<ConnectionActor>();
  #bytesOfGone = 0;

  constructor(settings: HubSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** As they are while one looks: some may come and go meanwhile. */
  get present(): Iterable<ConnectionActor> {
    return this.#connections.values();
  }

  /** As they are now. */
  get all(): readonly ConnectionActor[] {
    return [...this.#connections.values()];
  }

  /** Bytes handed to the sockets of connections that have ended. */
  get bytesOfGone(): number {
    return this.#bytesOfGone;
  }

  get closing(): ReadonlySet<ConnectionActor> {
    return this.#closing;
  }

  get(id: string): ConnectionActor | undefined {
    return this.#connections.get(id);
  }

  ofUser(userId: string): readonly ConnectionActor[] {
    return [...this.#users.of(userId)];
  }

  add(connection: ConnectionActor): void {
    this.#connections.set(connection.id, connection);
    this.#users.add(connection);
  }

  /** It is evicted; its socket may take a while longer. */
  leave(connection: ConnectionActor): void {
    this.#connections.delete(connection.id);
    this.#users.delete(connection);
    this.#bytesOfGone += connection.outbox.bytes;
    if (connection.isLinkOpen) this.#closing.add(connection);
  }

  /** Its socket is gone. */
  forget(connection: ConnectionActor): void {
    this.#closing.delete(connection);
  }

  /**
   * Before one more connection of this user.
   * @throws TooManyConnectionsError where there is no room and the policy is to reject
   */
  makeRoom(userId: string | undefined): void {
    const { maxConnections, maxConnectionsPerUser, whenFull } = this.#settings;
    const ofUser = userId === undefined ? undefined : this.#users.of(userId);
    const isUserFull = ofUser !== undefined && ofUser.size >= maxConnectionsPerUser;
    if (!isUserFull && this.#connections.size < maxConnections) return;
    if (whenFull === 'evict-oldest') {
      const [oldest] = isUserFull ? ofUser : this.#connections.values();
      oldest?.evict(closeCodes.replaced);
      return;
    }
    throw isUserFull
      ? new TooManyConnectionsError({ limit: maxConnectionsPerUser, userId })
      : new TooManyConnectionsError({ limit: maxConnections });
  }
}
