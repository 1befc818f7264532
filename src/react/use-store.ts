import { useSyncExternalStore } from 'react';
import type { Store } from './store.ts';

const never = (): (() => void) => () => {};

/**
 * Shows a store.
 * @param initial without a client, and in the first render of a page: what a server renders must agree with that
 */
export function useStore<Snapshot>(store: Store<Snapshot> | undefined, initial: Snapshot): Snapshot {
  const none = (): Snapshot => initial;
  return useSyncExternalStore(store?.subscribe ?? never, store?.getSnapshot ?? none, none);
}
