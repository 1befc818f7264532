import { ClientPresence, type Presence, type PresenceOptions } from './client-presence.ts';
import { isClientEnd, keyOf, PRESENT, userOf, type ClientEnd, type ServerEnd } from './keys.ts';

/** Who is in a thread, for the application on the server. */
export interface ServerPresence<Data = unknown> {
  /** The users who are present, on all nodes. @throws LogUnavailableError */
  users(): Promise<ReadonlyMap<string, Data>>;
  /** The user is present while this connection is in the thread. @throws what `thread.values.set` throws */
  enter(userId: string, data: Data, connection: { readonly id: string }): Promise<void>;
  leave(userId: string): Promise<void>;
}

/** The users who are present in a thread, with data of theirs: on the server, or in a client. */
export function presence<Data = unknown>(thread: ServerEnd): ServerPresence<Data>;
export function presence<Data = unknown>(thread: ClientEnd, options?: PresenceOptions): Presence<Data>;
export function presence(thread: ServerEnd | ClientEnd, options: PresenceOptions = {}): ServerPresence | Presence {
  return isClientEnd(thread) ? new ClientPresence(thread, options) : serverPresence(thread);
}

function serverPresence({ values }: ServerEnd): ServerPresence {
  return {
    async users() {
      const entries = await values.entries();
      return new Map(
        entries.flatMap(([key, value]) => {
          const user = userOf(PRESENT, key);
          return user === undefined ? [] : [[user, value] as const];
        }),
      );
    },
    async enter(userId, data, connection) {
      await values.set(keyOf(PRESENT, userId), data ?? null, { connection });
    },
    async leave(userId) {
      await values.delete(keyOf(PRESENT, userId));
    },
  };
}
