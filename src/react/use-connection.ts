import { useSyncExternalStore } from 'react';
import { NO_CONNECTION, type ConnectionView } from './connection-store.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';

const never = (): (() => void) => () => {};
const none = (): ConnectionView => NO_CONNECTION;

/** The state of the connection, for a banner: offline, log down, sign in. */
export function useConnection(): ConnectionView {
  const client = useClient();
  const store = client === undefined ? undefined : storesOf(client).connection;
  // a server renders what a page without a connection shows, and the first render of the page must agree
  return useSyncExternalStore(store?.subscribe ?? never, store?.getSnapshot ?? none, none);
}
