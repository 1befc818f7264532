import type { connectionMachine } from '../../machines/index.ts';
import type { HubContext } from '../support/context.ts';
import type { InputBudgets } from './input-budgets.ts';
import type { Intake } from './intake.ts';
import type { SharedSlots } from './request-lanes.ts';
import type { UnfinishedInput } from './unfinished-input.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** The hub's connections, as one of them sees them. */
export interface ConnectionPort {
  /** The connection is evicted. Its socket may still be closing: see `forget`. */
  leave(connectionId: string, end: { readonly code: number; readonly reason: string }): void;
  /** Its socket is gone. */
  forget(connectionId: string): void;
}

/** What connections need of the hub. */
export interface ConnectionServices extends HubContext {
  /** With this hub's effects, provided once: providing costs as much as building a machine. */
  readonly machine: typeof connectionMachine;
  /** What clients have sent, until it is dealt with. */
  readonly intake: Intake;
  /** What clients may send. */
  readonly budgets: InputBudgets;
  /** What clients have begun to send. */
  readonly unfinished: UnfinishedInput;
  /** For several requests of one connection at the same time. */
  readonly requestSlots: SharedSlots;
  readonly threads: Pick<ThreadPort, 'open'>;
  readonly connections: ConnectionPort;
}
