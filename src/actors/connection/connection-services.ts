import type { Connection } from '../../api/connection.ts';
import type { LeaveReason } from '../../api/events.ts';
import type { ConnectionContext, ConnectionEvent } from '../../machines/connection.ts';
import type { connectionMachine } from '../../machines/index.ts';
import type { HubContext } from '../support/context.ts';
import type { AnswerBatch } from './answer-batch.ts';
import type { AskedOnce } from './asked-once.ts';
import type { InputBudgets } from './input-budgets.ts';
import type { Intake } from './intake.ts';
import type { PingNumbers } from './ping-numbers.ts';
import type { SharedSlots } from './request-lanes.ts';
import type { ValueServices } from '../values/value-changes.ts';
import type { UnfinishedInput } from './unfinished-input.ts';
import type { ThreadPort } from '../thread/thread-port.ts';

/** The hub's connections, as one of them sees them. */
export interface ConnectionPort {
  readonly size: number;
  /** The connection is evicted. Its socket may still be closing: see `forget`. */
  leave(connectionId: string, end: { readonly code: number; readonly reason: string }): void;
  /** The socket is gone. */
  forget(connectionId: string): void;
}

/** Notifies the application of joins and leaves. */
export interface MembershipPort {
  joined(connection: Connection, threadId: string): void;
  left(connection: Connection, threadId: string, reason: LeaveReason): void;
}

/** Ends a connection, whatever its state. */
export type EndEvent = Extract<ConnectionEvent, { type: 'evict' | 'closed' }>;

/** The effects of the machine where a connection ends that is `open`. */
export type EndOpen = (context: ConnectionContext, event: EndEvent) => void;

/** What connections need from the hub. */
export interface ConnectionServices extends HubContext {
  /** The machine with its effects; `launch` tells them the hub. */
  readonly machine: typeof connectionMachine;
  readonly endOpen: EndOpen;
  /** Handles what clients have sent. */
  readonly intake: Intake;
  /** Gathers the answers to joins. */
  readonly answers: AnswerBatch;
  /** Limits what clients may send. */
  readonly budgets: InputBudgets;
  /** Counts unfinished messages of clients. */
  readonly unfinished: UnfinishedInput;
  /** Numbers of ping barriers, shared by all connections. */
  readonly pings: PingNumbers;
  /** Slots for further concurrent requests of one connection. */
  readonly requestSlots: SharedSlots;
  readonly threads: Pick<ThreadPort, 'open' | 'hasRoomFor'>;
  readonly connections: ConnectionPort;
  readonly membership: MembershipPort;
  readonly values: ValueServices;
  /** Asks the application about what clients publish. */
  readonly publications: AskedOnce;
}
