import { createHub, type Connection, type Hub, type HubOptions } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';

/** A hub on virtual time, with the errors that nobody caught. */
export interface Harness {
  readonly clock: VirtualClock;
  readonly hub: Hub;
  readonly errors: unknown[];
  /** A connection on a link in memory. */
  readonly connect: () => { link: FakeLink; connection: Connection };
  /** Runs what needs the hub's turns to come to its end. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

export function makeHarness(options: HubOptions = {}): Harness {
  const clock = options.clock instanceof VirtualClock ? options.clock : new VirtualClock();
  const hub = createHub({ clock, ...options });
  const errors: unknown[] = [];
  hub.on('error', (error) => errors.push(error));
  const run = async <T>(work: Promise<T>): Promise<T> => {
    // its failure is the caller's, but only after the turns below
    work.catch(() => {});
    await clock.settle();
    return work;
  };
  return {
    clock,
    hub,
    errors,
    connect() {
      const link = new FakeLink();
      return { link, connection: hub.accept(link.attach) };
    },
    run,
    async close() {
      const closed = hub.close();
      await clock.advance(2_000);
      await closed;
    },
  };
}

/** The messages among what a client of the wire protocol received: their data. */
export function dataOf(link: FakeLink): unknown[] {
  return framesOf(link, 'msg').map((frame) => frame['d']);
}

/** What a client received, of one kind. */
export function framesOf(link: FakeLink, type: string): Record<string, unknown>[] {
  return link.messages.filter(isRecord).filter((frame) => frame['t'] === type);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
