import { closeCodes } from '../../infra/wire/close-codes.ts';
import { TooManyConnectionsError } from '../../infra/errors.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { ConnectionPort } from '../connection/connection-services.ts';
import type { HubSettings } from '../support/settings.ts';
import { UserIndex } from './user-index.ts';

/** Ended connections whose clients are known: the newest ones, about a hundred bytes each. */
const REMEMBERED = 4_096;

/** How a connection ended. */
type End = Parameters<ConnectionPort['leave']>[1];

/** The hub's connections: by id and by user, their limits, and those whose sockets are still closing. */
export class ConnectionRegistry implements ConnectionPort {
  readonly #settings: HubSettings;
  readonly #onLeft: (connection: ConnectionActor, end: End) => void;
  readonly #connections = new Map<string, ConnectionActor>();
  readonly #users = new UserIndex();
  /** Evicted connections whose sockets still exist. */
  readonly #closing = new Map<string, ConnectionActor>();
  /** The clients of connections that have ended, newest last: the application may still work on what they have published. */
  readonly #clientsOfGone = new Map<string, string>();
  #bytesOfGone = 0;

  /** @param onLeft called when a connection has been evicted */
  constructor(settings: HubSettings, onLeft: (connection: ConnectionActor, end: End) => void) {
    this.#settings = settings;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** A live view: connections may come and go during an iteration. */
  get present(): Iterable<ConnectionActor> {
    return this.#connections.values();
  }

  /** A copy. */
  get all(): readonly ConnectionActor[] {
    return [...this.#connections.values()];
  }

  /** Bytes handed to the sockets of connections that have ended. */
  get bytesOfGone(): number {
    let bytes = this.#bytesOfGone;
    for (const { line } of this.#closing.values()) bytes += line.writer.bytes;
    return bytes;
  }

  /** All connections with a socket, including evicted ones. */
  get sockets(): { readonly present: Iterable<ConnectionActor>; readonly size: number } {
    const [connections, closing] = [this.#connections, this.#closing];
    return {
      get present() {
        return chain(connections, closing);
      },
      get size() {
        return connections.size + closing.size;
      },
    };
  }

  get closing(): ReadonlyMap<string, ConnectionActor> {
    return this.#closing;
  }

  get(id: string): ConnectionActor | undefined {
    return this.#connections.get(id);
  }

  /** The `clientId` of a connection that exists or has ended not long ago; undefined if it has none. */
  clientIdOf(connectionId: string): string | undefined {
    return this.#connections.get(connectionId)?.delivery.clientId ?? this.#clientsOfGone.get(connectionId);
  }

  ofUser(userId: string): readonly ConnectionActor[] {
    return [...this.#users.of(userId)];
  }

  /** Whether a connection of the user is in the thread. */
  isUserIn(userId: string, threadId: string): boolean {
    for (const connection of this.#users.of(userId)) if (connection.isIn(threadId)) return true;
    return false;
  }

  /** If there is one too many, the oldest is evicted. */
  add(connection: ConnectionActor): void {
    this.#oldestTooMany(connection.userId)?.evict(closeCodes.replaced);
    this.#connections.set(connection.id, connection);
    this.#users.add(connection);
  }

  /** The connection is evicted; its socket may exist a while longer. */
  leave(connectionId: string, end: End): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    this.#connections.delete(connectionId);
    this.#users.delete(connection);
    this.#remember(connection);
    if (connection.line.isLinkOpen) this.#closing.set(connectionId, connection);
    else this.#bytesOfGone += connection.line.writer.bytes;
    this.#onLeft(connection, end);
  }

  #remember({ id, delivery: { clientId } }: ConnectionActor): void {
    if (clientId === undefined) return;
    this.#clientsOfGone.set(id, clientId);
    if (this.#clientsOfGone.size > REMEMBERED) this.#clientsOfGone.delete(first(this.#clientsOfGone.keys()) ?? id);
  }

  /** The socket is gone. */
  forget(connectionId: string): void {
    this.#bytesOfGone += this.#closing.get(connectionId)?.line.writer.bytes ?? 0;
    this.#closing.delete(connectionId);
  }

  /**
   * Call it before one more connection of this user.
   * @throws TooManyConnectionsError if there is no room and the policy is to reject
   */
  assertRoom(userId: string | undefined): void {
    const { maxConnections, maxConnectionsPerUser, whenFull } = this.#settings;
    if (whenFull !== 'reject' || this.#oldestTooMany(userId) === undefined) return;
    throw this.#isFull(userId)
      ? new TooManyConnectionsError({ limit: maxConnectionsPerUser, userId })
      : new TooManyConnectionsError({ limit: maxConnections });
  }

  /** The oldest connection of the user if that limit is reached, else of all; undefined if there is room. */
  #oldestTooMany(userId: string | undefined): ConnectionActor | undefined {
    if (userId !== undefined && this.#isFull(userId)) return first(this.#users.of(userId));
    return this.#connections.size >= this.#settings.maxConnections ? first(this.#connections.values()) : undefined;
  }

  #isFull(userId: string | undefined): boolean {
    return userId !== undefined && this.#users.of(userId).size >= this.#settings.maxConnectionsPerUser;
  }
}

/** Continues where it stopped; includes items added meanwhile and omits removed ones. */
function* chain<T>(...all: ReadonlyMap<string, T>[]): Generator<T> {
  for (const some of all) yield* some.values();
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const one of all) return one;
  return undefined;
}
