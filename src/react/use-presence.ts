import { useEffect, useMemo } from 'react';
import type { ClientThread } from '../client/index.ts';
import { ClientPresence } from '../presence/client-presence.ts';
import { PartStore, type PartView } from './part-store.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';
import type { ThreadStore } from './thread-store.ts';

/** @typeParam Data what users say of themselves */
export interface UsePresenceOptions<Data = unknown> {
  /** This user is present while the component is mounted: the client's own, which `onValue` of the server allows. @default only looks */
  userId?: string | undefined;
  /** What the others see of this user, compared as JSON. @default null */
  data?: Data | undefined;
  /** How long a user who has gone is still listed, in milliseconds. @default 5000 */
  graceMs?: number | undefined;
}

/** Who is in a thread. */
export interface UsePresence<Data = unknown> extends PartView {
  /** The users who are present, each with the newest data; undefined above 100 users. */
  readonly users: ReadonlyMap<string, Data> | undefined;
  /** How many they are; above 100 it changes at most once a second. */
  readonly count: number;
}

const EMPTY: UsePresence = { users: new Map(), count: 0, error: undefined };

class PresenceStore extends PartStore<UsePresence> {
  readonly #graceMs: number | undefined;
  #part: ClientPresence | undefined;
  #own: { readonly userId: string; readonly data: unknown } | undefined;
  /** What the server has, or is asked for. */
  #entered: object | undefined;

  constructor(thread: ThreadStore, graceMs: number | undefined) {
    super(thread, EMPTY);
    this.#graceMs = graceMs;
  }

  /** The user is present with this from now on, while the store runs. */
  enter(userId: string | undefined, data: unknown): void {
    if (this.#own?.userId !== userId) this.#leave();
    this.#own = userId === undefined ? undefined : { userId, data };
    this.onJoined();
  }

  protected override attach(thread: ClientThread): () => void {
    const part = new ClientPresence(thread, { graceMs: this.#graceMs });
    part.on('change', () => this.changed());
    this.#part = part;
    this.#entered = undefined;
    return () => part.close();
  }

  /** Enters, unless that was asked for already; again if that failed, as where the connection was gone too long. */
  protected override onJoined(): void {
    const own = this.#own;
    if (own === undefined || this.#part === undefined || this.#entered === own) return;
    this.#entered = own;
    void this.watch(this.#part.enter(own.userId, own.data)).then((hasEntered) => {
      if (!hasEntered && this.#entered === own) this.#entered = undefined;
    });
  }

  protected override view(): UsePresence {
    const { users, count = 0 } = this.#part ?? {};
    return { users: users && new Map(users), count, error: this.error };
  }

  protected override end(): void {
    this.#leave();
    super.end();
    this.#part = undefined;
  }

  #leave(): void {
    this.#entered = undefined;
    this.#part?.leave().catch(() => {});
  }
}

/**
 * Who is in a thread, which is joined while the component is mounted; with `userId`, this user is, too. The client needs the part `values`.
 *
 * ```tsx
 * const { users, count } = usePresence<{ status: string }>('room:42', { userId: 'ada', data: { status: 'busy' } });
 * ```
 *
 * Without the part it throws InvalidOptionError, for the error boundary.
 */
export function usePresence<Data = unknown>(threadId: string, options?: UsePresenceOptions<Data>): UsePresence<Data>;
export function usePresence(threadId: string, { userId, data, graceMs }: UsePresenceOptions = {}): UsePresence {
  const client = useClient();
  const store = useMemo(
    () => (client === undefined ? undefined : new PresenceStore(storesOf(client).thread(threadId), graceMs)),
    [client, threadId, graceMs],
  );
  const users = useStore(store, EMPTY);
  const json = JSON.stringify(data) ?? 'null';
  useEffect(() => store?.enter(userId, JSON.parse(json)), [store, userId, json]);
  return users;
}
