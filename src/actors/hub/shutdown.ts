import { closeCodes } from '../../infra/wire/close-codes.ts';
import type { Household } from './household.ts';
import { notices } from '../connection/wire-protocol.ts';
import { before, oneByOne, until } from '../support/wait.ts';

/**
 * The clients of a hub that drains come back one after the other, this far apart: as many handshakes in a second as the other nodes
 * do with ease, and none of a few clients waits for the many that there are not.
 */
const BYE_STEP_MS = 1;

/** The last one is told to wait no longer than this: of more clients, several come in one step. */
const BYE_SPREAD_MS = 5_000;

/** How long closing sockets may take for the handshake of RFC 6455 section 7 before they are cut. */
const CLOSE_HANDSHAKE_MS = 1_000;

/** And those whose peers still take what was begun. */
const CLOSE_MS = 10_000;

/** Delivers what was accepted, as far as that is done before the deadline. */
export async function deliverAll({ engine, lobby, threads }: Household, deadline: number): Promise<void> {
  const { clock, serializer } = engine;
  await before(clock, deadline, threads.opened());
  const drained: Promise<void>[] = [];
  await oneByOne(clock, threads.all, (thread) => drained.push(thread.drain()));
  await before(clock, deadline, Promise.all(drained));
  await before(clock, deadline, serializer.drain());
  await until(clock, deadline, () => !lobby.all.some((connection) => connection.delivery.isBusy));
  await oneByOne(clock, threads.all, (thread) => thread.drained());
}

/** Tells the clients to come back elsewhere, not all at once. */
export async function sayGoodbye({ engine, lobby }: Household): Promise<void> {
  const leaving = lobby.all;
  const stepMs = Math.min(BYE_STEP_MS, BYE_SPREAD_MS / leaving.length);
  await oneByOne(engine.clock, leaving, (connection, i) => {
    connection.tell(notices.bye(Math.round(stepMs * i)));
    connection.evict(closeCodes.drain);
  });
}

/** Ends whatever is still there: connections, threads, the serializer with what it has under way. */
export async function endAll({ engine, lobby, threads }: Household): Promise<void> {
  const { clock, serializer } = engine;
  const stopped = serializer.stop();
  threads.close();
  await oneByOne(clock, lobby.all, (connection) => connection.evict(closeCodes.goingAway));
  await oneByOne(clock, threads.all, (thread) => thread.close());
  await stopped;
}

/** Lets go of the log, and of sockets whose peers do not answer a close frame in time. */
export async function letGo({ engine, lobby }: Household): Promise<void> {
  const { clock, settings, report } = engine;
  try {
    await settings.log.close();
  } catch (error) {
    report(error);
  }
  const { closing } = lobby;
  const deadline = clock.now() + CLOSE_MS;
  while (closing.size > 0 && clock.now() < deadline) {
    await until(clock, clock.now() + CLOSE_HANDSHAKE_MS, () => closing.size === 0);
    // a message that has begun goes out to its end where the peer takes it
    await oneByOne(clock, closing.values(), (connection) => connection.line.cutIfStill());
  }
  await oneByOne(clock, closing.values(), (connection) => connection.line.cut());
}
