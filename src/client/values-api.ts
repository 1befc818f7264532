import type { AnyValueOf, ValueKey, ValueOf } from '../api/values.ts';

/** How a client sets a value. */
export interface SetClientValueOptions {
  /** The value is removed after this time, in milliseconds, unless it is set again. @default it stays */
  ttlMs?: number | undefined;
  /**
   * The value is removed when this client leaves the thread, or its connection ends. The client sets it again after a reconnect.
   * @default false
   */
  owned?: boolean | undefined;
}

/** A value of the thread has changed. */
export interface ValueNews<Values extends object = object> {
  readonly key: ValueKey<Values>;
  /** Undefined if the key has no value any more. */
  readonly value: AnyValueOf<Values> | undefined;
}

/** @typeParam Values those of the thread's definition */
export interface ValuesEvents<Values extends object = object> {
  value: ValueNews<Values>;
}

/**
 * The thread's values as far as this client has heard of them: what `get` and `entries` read needs no server. While there is no connection, they
 * are those of before.
 * @typeParam Values those of the thread's definition; any key, with an unknown value, without one
 */
export interface ClientValues<Values extends object = object> {
  /** The values of the server have arrived once. */
  readonly isKnown: boolean;
  get<Key extends ValueKey<Values>>(key: Key): ValueOf<Values, Key> | undefined;
  /** A copy, in no order. */
  entries(): IterableIterator<[key: string, value: AnyValueOf<Values>]>;
  /**
   * Resolves when the server has set it, which asks the application (`onValue`). The view changes when the server says so. Rejects with what
   * `client.publish` rejects with.
   */
  set<Key extends ValueKey<Values>>(
    key: Key,
    value: ValueOf<Values, Key>,
    options?: SetClientValueOptions,
  ): Promise<void>;
  /** Resolves when the server has removed it, or there was none. Rejects likewise. */
  delete(key: ValueKey<Values>): Promise<void>;
  /** Adds a listener and returns the function that removes it. */
  on(event: 'value', listener: (news: ValueNews<Values>) => unknown): () => void;
}

/** What a thread's values need from the client. */
export interface ValuesHost {
  readonly settings: { readonly newId: () => string };
  report(error: unknown): void;
  /** Sends a request until it is answered. @param text the frame that has this id */
  request(threadId: string, id: string, text: string, options: { readonly timeoutMs?: number }): Promise<unknown>;
}

/** A thread's values, as the thread feeds them. */
export interface FedValues extends ClientValues {
  /** What a join says for them. */
  readonly asks: { readonly values: true };
  /** Whether there is a listener: then messages that no reader takes do not hold back the thread. */
  has(event: 'value'): boolean;
  /**
   * What a frame says.
   * @param list the server's entries, `[key, value]` or `[key]`, if it is valid
   * @param all true if there are no others
   */
  take(list: unknown, all: unknown): void;
}
