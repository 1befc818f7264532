import type { connectionMachine, threadMachine } from '../../machines/index.ts';
import type { ConnectionServices } from '../connection/connection-services.ts';
import type { ThreadServices } from '../thread/thread-services.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** All that a hub's actors are given, each its part of it. */
export interface HubServices extends ConnectionServices, ThreadServices, ThreadPort {
  readonly machines: { readonly connection: typeof connectionMachine; readonly thread: typeof threadMachine };
}
