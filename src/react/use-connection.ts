import { NO_CONNECTION, type ConnectionView } from './connection-store.ts';
import { useClient } from './provider.ts';
import { storesOf } from './stores.ts';
import { useStore } from './use-store.ts';

/** The state of the connection, for a banner: offline, log down, sign in. */
export function useConnection(): ConnectionView {
  const client = useClient();
  const store = client === undefined ? undefined : storesOf(client).connection;
  return useStore(store, NO_CONNECTION);
}
