import { closeCodes } from '../../infra/wire/close-codes.ts';
import { notices } from '../connection/wire-protocol.ts';
import type { SerializerActor } from '../serializer/serializer.ts';
import type { HubContext } from '../support/context.ts';
import { before, inSlices, until } from '../support/wait.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/**
 * The clients of a draining hub reconnect one after the other, this far apart. The other nodes handle that many handshakes in a second with
 * ease, and a few clients do not wait for many absent ones.
 */
const BYE_STEP_MS = 1;

/** Maximum wait of the last client: with more clients, several come in one step. */
const BYE_SPREAD_MS = 5_000;

/** How long closing sockets may take for the handshake of RFC 6455 section 7 before they are cut. */
const CLOSE_HANDSHAKE_MS = 1_000;

/** The same for clients that still accept the message in progress. */
const CLOSE_MS = 10_000;

/** What a hub ends, in order. */
export interface Ending {
  readonly context: Pick<HubContext, 'clock' | 'scheduler' | 'settings' | 'report'>;
  readonly connections: ConnectionRegistry;
  readonly threads: ThreadRegistry;
  readonly serializer: SerializerActor;
}

/** Delivers accepted messages, as far as possible before the deadline. */
export async function deliverAll(
  { context, connections, threads, serializer }: Ending,
  deadline: number,
): Promise<void> {
  const { clock, scheduler } = context;
  await before(clock, deadline, threads.opened());
  const drained: Promise<void>[] = [];
  await inSlices(scheduler, threads.all, (thread) => drained.push(thread.drain()));
  await inSlices(scheduler, threads.sends, (sends) => drained.push(sends.drain()));
  await before(clock, deadline, Promise.all(drained));
  await before(clock, deadline, serializer.drain());
  await until(clock, deadline, () => !connections.all.some((connection) => connection.delivery.isBusy));
  await inSlices(scheduler, threads.all, (thread) => thread.drained());
}

/** Asks the clients to reconnect elsewhere, not all at once. */
export async function sayGoodbye({ context, connections }: Pick<Ending, 'context' | 'connections'>): Promise<void> {
  const leaving = connections.all;
  const stepMs = Math.min(BYE_STEP_MS, BYE_SPREAD_MS / leaving.length);
  await inSlices(context.scheduler, leaving, (connection, i) => {
    connection.sendNotice(notices.bye(Math.round(stepMs * i)));
    connection.evict(closeCodes.drain);
  });
}

/** Ends everything that is left: connections, threads, and the serializer with its work in progress. */
export async function endAll({ context, connections, threads, serializer }: Ending): Promise<void> {
  const { scheduler } = context;
  const stopped = serializer.stop();
  threads.close();
  await inSlices(scheduler, connections.all, (connection) => connection.evict(closeCodes.goingAway));
  await inSlices(scheduler, threads.all, (thread) => thread.close());
  await stopped;
}

/** Closes the log, and the sockets whose clients do not answer a close frame in time. */
export async function endRemaining({ context, connections }: Pick<Ending, 'context' | 'connections'>): Promise<void> {
  const { clock, scheduler, settings, report } = context;
  try {
    await settings.log.close();
  } catch (error) {
    report(error);
  }
  const { closing } = connections;
  const deadline = clock.now() + CLOSE_MS;
  while (closing.size > 0 && clock.now() < deadline) {
    await until(clock, clock.now() + CLOSE_HANDSHAKE_MS, () => closing.size === 0);
    // the message in progress is finished if the client accepts it
    await inSlices(scheduler, closing.values(), (connection) => connection.line.cutIfStill());
  }
  await inSlices(scheduler, closing.values(), (connection) => connection.line.cut());
}
