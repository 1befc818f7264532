import type { Engine } from './context.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** All of a hub: the engine that its actors share, its connections and its threads. */
export interface Household {
  readonly engine: Engine;
  readonly lobby: ConnectionRegistry;
  readonly threads: ThreadRegistry;
}
