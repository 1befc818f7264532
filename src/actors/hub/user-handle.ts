import type { User } from '../../api/hub.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import { resolveLeave } from '../connection/resolve-join-options.ts';
import { assertCloseFrame, closeCodes } from '../../infra/wire/close-codes.ts';
import type { UserOrders } from './user-orders.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import { checkSendOptions } from '../thread/resolve-send-options.ts';
import type { Thread } from '../../api/thread.ts';
import type { Connection, LeaveOptions } from '../../api/connection.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';

/** The application's handle of a user: the id, and the way to the user's connections as they are now. */
export class UserHandle implements User {
  readonly id: string;
  readonly #connections: ConnectionRegistry;
  readonly #thread: Thread;
  readonly #orders: UserOrders;

  /** @param thread the user's own */
  constructor(id: string, connections: ConnectionRegistry, thread: Thread, orders: UserOrders) {
    this.id = id;
    this.#connections = connections;
    this.#thread = thread;
    this.#orders = orders;
  }

  get connections(): readonly Connection[] {
    return this.#connections.ofUser(this.id);
  }

  async send(message: unknown, options?: SendOptions): Promise<Receipt> {
    checkSendOptions(options);
    // nearly always all of them are in it
    const late = this.#connections.ofUser(this.id).filter((connection) => !connection.isIn(this.#thread.id));
    await Promise.all(late.map((connection) => this.#join(connection)));
    return this.#thread.send(message, options);
  }

  async close(code: number = closeCodes.normal.code, reason: string = closeCodes.normal.reason): Promise<void> {
    assertCloseFrame(code, reason);
    await this.#orders.close(this.id, code, reason);
  }

  async leave(threadId: string, options: LeaveOptions = {}): Promise<void> {
    await this.#orders.leave(this.id, threadId, resolveLeave(threadId, options));
  }

  isOnline(): Promise<boolean> {
    return this.#orders.isOnline(this.id);
  }

  async #join(connection: ConnectionActor): Promise<void> {
    try {
      await connection.joinOwn(this.#thread.id);
    } catch (error) {
      // a connection that ends meanwhile needs no message
      if (connection.state !== 'evicted') throw error;
    }
  }
}
