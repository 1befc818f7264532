import type { HubServices } from './hub-services.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** Everything that one hub consists of: the services that its actors share, its connections and its threads. */
export interface HubParts {
  readonly services: HubServices;
  readonly connections: ConnectionRegistry;
  readonly threads: ThreadRegistry;
}
