import type { Entry } from '../../api/entry.ts';
import type { Connection } from '../../api/connection.ts';
import { userThreadId } from '../../infra/log/ids.ts';
import { makeBody } from '../../infra/log/shared-body.ts';
import { closeCodes } from '../../infra/wire/close-codes.ts';
import { parseObject } from '../../infra/wire/json-object.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { NoticePort } from '../thread/thread-services.ts';
import type { HubContext } from '../support/context.ts';
import { inSlices } from '../support/wait.ts';
import type { ConnectionRegistry } from './connection-registry.ts';

/** What is done to all connections of a user. */
type Order =
  | { readonly do: 'close'; readonly user: string; readonly code: number; readonly reason: string }
  | { readonly do: 'leave'; readonly user: string; readonly thread: string; readonly reason: string };

/**
 * An order does not concern connections that are newer than it. The clocks of two processes may differ by this much: in doubt, an order
 * holds.
 */
const CLOCK_DIFFERENCE_MS = 2_000;

/**
 * Closes a user's connections, or removes them from a thread, in all processes. An order is done here at once. For the other processes it
 * is a notice in the log of the user's thread, which each process with a connection of the user reads: at once, or when it is back.
 */
export class UserOrders implements NoticePort {
  readonly #context: Pick<HubContext, 'settings' | 'clock' | 'counters' | 'scheduler' | 'newId' | 'now' | 'report'>;
  readonly #connections: ConnectionRegistry;
  /** Ids of the orders that this process is giving. */
  readonly #own = new Set<string>();

  constructor(
    context: Pick<HubContext, 'settings' | 'clock' | 'counters' | 'scheduler' | 'newId' | 'now' | 'report'>,
    connections: ConnectionRegistry,
  ) {
    this.#context = context;
    this.#connections = connections;
  }

  /** @throws LogUnavailableError: the connections of this process are closed, and possibly those of others */
  close(user: string, code: number, reason: string): Promise<void> {
    return this.#give({ do: 'close', user, code, reason });
  }

  /** @throws LogUnavailableError: likewise */
  leave(user: string, thread: string, reason: string): Promise<void> {
    return this.#give({ do: 'leave', user, thread, reason });
  }

  /** Whether a process has a connection of the user. @throws LogUnavailableError */
  async isOnline(user: string): Promise<boolean> {
    if (this.#connections.ofUser(user).length > 0) return true;
    const elsewhere = await this.#context.settings.log.membersElsewhere?.(userThreadId(user));
    return elsewhere !== undefined && elsewhere > 0;
  }

  /** A notice in the log of a thread. */
  onNotice(entry: Entry): void {
    if (this.#own.has(entry.id)) return;
    const order = decode(entry);
    if (order === undefined || userThreadId(order.user) !== entry.threadId) return;
    const isConcerned = ({ acceptedAt }: ConnectionActor): boolean =>
      acceptedAt <= entry.loggedAt + CLOCK_DIFFERENCE_MS;
    // messages to the user that came before it are offered first
    const { clock, report } = this.#context;
    clock.nextTurn(() => void this.#carryOut(order, isConcerned).catch(report));
  }

  /**
   * Entries of a user's thread were trimmed before this process could read them, possibly orders: the clients come back, and are
   * authenticated and authorized anew.
   */
  onMissed(members: readonly Connection[]): void {
    const { code, reason } = closeCodes.drain;
    const { scheduler, report } = this.#context;
    inSlices(scheduler, members, (connection) => connection.close(code, reason)).catch(report);
  }

  async #give(order: Order): Promise<void> {
    const { settings, newId } = this.#context;
    const { log } = settings;
    const done = this.#carryOut(order, () => true);
    if (log.notify !== undefined) {
      const id = newId();
      this.#own.add(id);
      try {
        const body = makeBody([Buffer.from(JSON.stringify(order))]);
        const threadId = userThreadId(order.user);
        await log.append({ threadId, id, lane: 'normal', kind: 'notice', body, expiresAt: -Infinity });
      } finally {
        this.#own.delete(id);
      }
    }
    await done;
  }

  #carryOut(order: Order, isConcerned: (connection: ConnectionActor) => boolean): Promise<void> {
    const { counters, scheduler } = this.#context;
    if (order.do === 'close') counters.userCloses++;
    else counters.userLeaves++;
    const connections = this.#connections.ofUser(order.user).filter(isConcerned);
    return inSlices(scheduler, connections, (connection) => {
      if (order.do === 'close') connection.close(order.code, order.reason);
      else connection.leave(order.thread, { reason: order.reason });
    });
  }
}

/** Undefined for an order of a later version. */
function decode({ body }: Entry): Order | undefined {
  const { do: what, user, code, reason, thread } = parseObject(Buffer.concat(body.chunks).toString()) ?? {};
  if (typeof user !== 'string' || typeof reason !== 'string') return undefined;
  if (what === 'close' && typeof code === 'number') return { do: what, user, code, reason };
  return what === 'leave' && typeof thread === 'string' ? { do: what, user, thread, reason } : undefined;
}
