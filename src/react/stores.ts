import type { Client } from '../client/index.ts';
import { ConnectionStore } from './connection-store.ts';
import { ThreadStore, type ThreadSettings } from './thread-store.ts';

/** What hooks show of one client. Hooks of the same thread share it; what no hook holds any more is collected. */
class ClientStores {
  readonly connection: ConnectionStore;
  readonly #client: Client;
  readonly #threads = new Map<string, WeakRef<ThreadStore>>();

  constructor(client: Client) {
    this.#client = client;
    this.connection = new ConnectionStore(client);
  }

  /**
   * Rendering makes a store; only a subscription joins.
   * @param settings of a hook that shows the messages: the first one's count
   */
  thread(id: string, settings?: ThreadSettings): ThreadStore {
    const store = this.#threads.get(id)?.deref() ?? this.#make(id);
    store.settings ??= settings;
    return store;
  }

  #make(id: string): ThreadStore {
    for (const [id, ref] of this.#threads) if (ref.deref() === undefined) this.#threads.delete(id);
    const store = new ThreadStore(this.#client, id);
    this.#threads.set(id, new WeakRef(store));
    return store;
  }
}

const all = new WeakMap<Client, ClientStores>();

export function storesOf(client: Client): ClientStores {
  const known = all.get(client);
  if (known !== undefined) return known;
  const stores = new ClientStores(client);
  all.set(client, stores);
  return stores;
}
