import type { connectionMachine } from '../../machines/index.ts';
import type { HubContext } from '../support/context.ts';
import type { InputBudgets } from './input-budgets.ts';
import type { Intake } from './intake.ts';
import type { SharedSlots } from './request-lanes.ts';
import type { UnfinishedInput } from './unfinished-input.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** What connections need from the hub. */
export interface ConnectionPort {
  /** Machines with this hub's effects, provided once: providing costs as much as building a machine. */
  leave(connectionId: string, end: { readonly code: number; readonly reason: string }): void;
  /** Handles what clients have sent. */
  forget(connectionId: string): void;
}

/** Counts unfinished messages of clients. */
export interface ConnectionServices extends HubContext {
  /** Slots for further concurrent requests of one connection. */
  readonly machine: typeof connectionMachine;
  /** The connection is evicted. Its socket may still be closing: see `forgetLink`. */
  readonly intake: Intake;
  /** The socket is gone. */
  readonly budgets: InputBudgets;
  /** What clients have begun to send. */
  readonly unfinished: UnfinishedInput;
  /** For several requests of one connection at the same time. */
  readonly requestSlots: SharedSlots;
  readonly threads: Pick<ThreadPort, 'open'>;
  readonly connections: ConnectionPort;
}
