import { userThreadId } from '../../infra/log/ids.ts';
import type { User } from '../../api/hub.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { HandleServices } from '../thread/thread-port.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import { checkSendOptions } from '../thread/resolve-send-options.ts';
import { ThreadHandle } from '../thread/thread-handle.ts';
import type { Connection } from '../../api/connection.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { SendOptions } from '../../api/message.ts';

/** What an application holds of a user: the id, and the way to the user's connections as they are now. */
export class UserHandle implements User {
  readonly id: string;
  readonly #connections: ConnectionRegistry;
  readonly #thread: ThreadHandle;

  constructor(id: string, connections: ConnectionRegistry, services: HandleServices) {
    this.id = id;
    this.#connections = connections;
    this.#thread = new ThreadHandle(userThreadId(id), services);
  }

  get connections(): readonly Connection[] {
    return this.#connections.ofUser(this.id);
  }

  async send(message: unknown, options?: SendOptions): Promise<Receipt> {
    checkSendOptions(options);
    // nearly always all are in it
    const late = this.#connections.ofUser(this.id).filter((connection) => !connection.isIn(this.#thread.id));
    await Promise.all(late.map((connection) => this.#join(connection)));
    return this.#thread.send(message, options);
  }

  async #join(connection: ConnectionActor): Promise<void> {
    try {
      await connection.joinOwn(this.#thread.id);
    } catch (error) {
      // who goes meanwhile keeps nobody from it
      if (connection.state !== 'evicted') throw error;
    }
  }
}
