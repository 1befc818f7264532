import type { connectionMachine } from '../../machines/index.ts';
import type { HubContext } from '../support/context.ts';
import type { InputBudgets } from './input-budgets.ts';
import type { Intake } from './intake.ts';
import type { SharedSlots } from './request-lanes.ts';
import type { UnfinishedInput } from './unfinished-input.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** What connections need of the hub. */
export interface ConnectionServices extends HubContext, Pick<ThreadPort, 'openThread'> {
  /** With this hub's effects, provided once: providing costs as much as building a machine. */
  readonly machines: { readonly connection: typeof connectionMachine };
  /** What clients have sent, until it is dealt with. */
  readonly intake: Intake;
  /** What clients may send. */
  readonly budgets: InputBudgets;
  /** What clients have begun to send. */
  readonly unfinished: UnfinishedInput;
  /** For several requests of one connection at the same time. */
  readonly requestSlots: SharedSlots;
  /** It is evicted. Its socket may still be closing: see `forgetLink`. */
  forgetConnection(connectionId: string, end: { code: number; reason: string }): void;
  /** Its socket is gone. */
  forgetLink(connectionId: string): void;
}
