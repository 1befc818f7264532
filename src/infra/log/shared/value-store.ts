import type { ValueLimits } from '../../../api/log-values.ts';
import type { StoredValues } from './stored-values.ts';

/** What came of a `set`: which limit had no room, or the change was made before. */
export type SetAnswer = 'set' | 'known' | 'keys' | 'bytes';

/** A value that is to be set. */
export interface ValueToSet {
  readonly key: string;
  readonly json: string;
  readonly owner: string | undefined;
  /** How long it lives, in whole milliseconds. */
  readonly ttlMs: number | undefined;
}

/**
 * Where a shared log keeps values. A node numbers its changes, and makes one after the other in each thread. A change with a number that is not
 * above the node's last one is known, and not made again.
 */
export interface ValueStore {
  set(threadId: string, number: number, value: ValueToSet, limits: ValueLimits): Promise<SetAnswer>;
  /**
   * Removes values; resolves with the number of those that were there.
   * @param owner undefined for any
   * @param keys those that are removed if the owner has them; none for all that the owner has
   */
  drop(threadId: string, number: number, owner: string | undefined, keys: readonly string[]): Promise<number>;
  read(threadId: string, key?: string): Promise<StoredValues>;
  /** Resolves when changes of the thread are heard on the current connections. */
  subscribed(threadId: string): Promise<void>;
}
