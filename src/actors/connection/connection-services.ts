import type { connectionMachine } from '../../machines/index.ts';
import type { HubContext } from '../support/context.ts';
import type { JoinPacer } from './join-pacer.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** What connections need of the hub. */
export interface ConnectionServices extends HubContext, Pick<ThreadPort, 'openThread'> {
  /** With this hub's effects, provided once: providing costs as much as building a machine. */
  readonly machines: { readonly connection: typeof connectionMachine };
  /** Shared by all connections of the hub. */
  readonly joins: JoinPacer;
  /** It is evicted. Its socket may still be closing: see `forgetLink`. */
  forgetConnection(connectionId: string, end: { code: number; reason: string }): void;
  /** Its socket is gone. */
  forgetLink(connectionId: string): void;
}
