import { beforeEach, expect, it } from 'vitest';
import { decodeHeader, type Anchor, type Arrival } from '../../src/infra/log/shared/arrival.ts';
import { SharedTail } from '../../src/infra/log/shared/tail.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** Ids of the log's entries: what is there now. */
let log: string[];
let told: string[];
let clock: VirtualClock;
let tail: SharedTail;
/** Answers to the questions where the thread stands, which the test holds back. */
let held: (() => void)[] | undefined;

const arrival = (offset: number): Arrival => {
  const id = log[offset - 1] ?? '';
  return { epoch: 'e', offset, at: clock.now(), id, header: decodeHeader('{}'), body: [Buffer.from('1')] };
};
const range = (from: number, to: number): Arrival[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => arrival(from + i));

beforeEach(async () => {
  [log, told, held, clock] = [['a', 'b'], [], undefined, new VirtualClock(1_000)];
  const retention = { maxEntries: 100, maxBytes: 1_000_000, maxAgeMs: 3_600_000 };
  const anchor = (known?: { readonly offset: number }): Anchor => ({
    epoch: 'e',
    head: log.length,
    headId: log.at(-1) ?? '',
    now: clock.now(),
    known: known === undefined ? undefined : log[known.offset - 1],
  });
  tail = new SharedTail({
    threadId: 't',
    settings: {
      clock,
      nodeId: 'node',
      retentionOf: () => retention,
      maxTotalBytes: 1_000_000,
      ledger: { bytes: 0 },
      keeper: 'the log',
    },
    source: {
      anchor: async (known) => {
        const answer = anchor(known);
        if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
        return answer;
      },
      after: async (from) => range(from, log.length),
      before: async (from, to) => range(to, from).toReversed(),
      arrivalsBefore: async (from, to) => range(to, from).toReversed(),
      oldest: async () => (log.length === 0 ? undefined : arrival(1)),
    },
    isClosed: false,
    subscribed: async () => {},
    ownAppend: () => undefined,
    onEntry: ({ id }) => told.push(id),
    onReset: ({ why, after }) => told.push(`${why} after ${after}`),
    onSilence: () => {},
    makeRoom: async () => true,
  });
  await tail.ready();
  await tail.reach('start');
  log.push('c');
  tail.place(arrival(3));
  expect(told).toEqual(['c']);
});

it('an entry of another server, which follows by its number alone, waits until the tail was compared', async () => {
  // the server has been replaced by one that never had `c`, which its author has sent again meanwhile
  log = ['a', 'b', 'x', 'c'];
  tail.doubt();
  tail.place(arrival(4));
  expect(told).toEqual(['c']);
  await tail.catchUp();
  await clock.settle();
  expect(told).toEqual(['c', 'fork after 2', 'x', 'c']);
});

it('where the log ends as the tail does, what has waited is placed', () => {
  tail.doubt();
  log.push('d');
  tail.place(arrival(4));
  expect(told).toEqual(['c']);
  tail.trust();
  expect(told).toEqual(['c', 'd']);
  log.push('e');
  tail.place(arrival(5));
  expect(told).toEqual(['c', 'd', 'e']);
});

it('an answer that was asked for before the doubt does not end it', async () => {
  held = [];
  const caughtUp = tail.catchUp();
  await clock.settle();
  expect(held).toHaveLength(1);
  log = ['a', 'b', 'x', 'c'];
  tail.doubt();
  tail.place(arrival(4));
  const [first] = held;
  held = undefined;
  first?.();
  await caughtUp;
  await clock.settle();
  expect(told).toEqual(['c', 'fork after 2', 'x', 'c']);
});
