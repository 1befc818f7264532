import { createHash } from 'node:crypto';
import { MAX_ID_LENGTH } from '../../infra/log/ids.ts';

/** Who chooses an id: a user, a client with a `clientId`, or else only this connection. */
export interface Chooser {
  readonly id: string;
  readonly userId: string | undefined;
  /** See `AcceptOptions.clientId`. */
  readonly clientId: string | undefined;
}

/** Characters of base64url, six bits each: 132 bits, so that no client can find another one's scope by trying. */
const SCOPE_LENGTH = 22;

/**
 * The namespace of the ids that one client chooses. Clients cannot take the ids of each other, of the server or of token streams. It is a
 * hash, because the `clientId` is the client's secret and must not be shown to others.
 */
export function scopeOf({ id, userId, clientId }: Chooser): string {
  return userId !== undefined && userId !== '' ? userScope(userId) : connectionScope(id, clientId);
}

export const userScope = (userId: string): string => hash(`user:${userId}`).slice(0, SCOPE_LENGTH);

/** Of the client on all its connections, if it has a `clientId`. */
export const connectionScope = (id: string, clientId?: string): string =>
  hash(clientId === undefined ? `connection:${id}` : `client:${clientId}`).slice(0, SCOPE_LENGTH);

/** All that a connection belongs to: the connection itself, its client and its user. */
export function scopesOf({ id, userId, clientId }: Chooser): readonly string[] {
  const scopes = [connectionScope(id)];
  if (clientId !== undefined) scopes.push(connectionScope(id, clientId));
  if (userId !== undefined) scopes.push(userScope(userId));
  return scopes;
}

/** The id of a client's message in its thread: `<scope>.<id>`. An id that is too long for that is hashed. */
export function scopedId(scope: string, id: string): string {
  const scoped = `${scope}.${id}`;
  return scoped.length <= MAX_ID_LENGTH ? scoped : `${scope}.${hash(id)}`;
}

function hash(text: string): string {
  // not UTF-8, in which all lone surrogates are equal
  return createHash('sha256').update(text, 'utf16le').digest('base64url');
}
