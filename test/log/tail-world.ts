import { decodeHeader, type Anchor, type Arrival } from '../../src/infra/log/shared/arrival.ts';
import type { PendingAppend } from '../../src/infra/log/shared/pending-appends.ts';
import { SharedTail } from '../../src/infra/log/shared/tail.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** A tail, and the log that it follows: a list of ids that the test changes. */
export class TailWorld {
  readonly clock = new VirtualClock(1_000);
  /** Ids of the log's entries: what is there now. */
  log: string[];
  /** Offset of the oldest entry that the log still has. */
  first = 1;
  /** What the readers were told: ids of entries, and resets. */
  readonly told: string[] = [];
  readonly tail: SharedTail;
  /** How often the log was asked where the thread stands. */
  questions = 0;
  /** How often it was asked for ids, to compare them. */
  pages = 0;
  /** Answers to these questions, which the test holds back. */
  held: (() => void)[] | undefined;
  /** This process's append in flight. */
  own: PendingAppend | undefined;

  constructor(log: string[]) {
    this.log = log;
    const { clock, told } = this;
    const retention = { maxEntries: 100, maxBytes: 1_000_000, maxAgeMs: 3_600_000 };
    this.tail = new SharedTail({
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
          this.questions++;
          const answer = this.#anchor(known);
          if (this.held !== undefined) await new Promise<void>((resolve) => this.held?.push(resolve));
          return answer;
        },
        after: async (from) => this.#range(from, this.log.length),
        before: async (from, to) => this.#range(to, from).toReversed(),
        idsBefore: async (from, to) => {
          this.pages++;
          return this.#range(to, from).toReversed();
        },
        oldest: async () => (this.log.length < this.first ? undefined : this.arrival(this.first)),
      },
      isClosed: false,
      subscribed: async () => {},
      ownAppend: (id) => (this.own?.draft.id === id ? this.own : undefined),
      onEntry: ({ id }) => told.push(id),
      onReset: ({ why, after }) => told.push(`${why} after ${after}`),
      onSilence: () => {},
      makeRoom: async () => true,
    });
  }

  /** @param at when it was logged, as it says */
  arrival(offset: number, id = this.log[offset - 1] ?? '', at = this.clock.now()): Arrival {
    return { epoch: 'e', offset, at, id, header: decodeHeader('{}'), body: [Buffer.from('1')] };
  }

  #anchor(known?: { readonly offset: number }): Anchor {
    const { log, clock } = this;
    const { length: head } = log;
    const there = known === undefined || known.offset < this.first ? undefined : log[known.offset - 1];
    return { epoch: 'e', head, headId: log.at(-1) ?? '', now: clock.now(), known: there };
  }

  #range(from: number, to: number): Arrival[] {
    const oldest = Math.max(from, this.first);
    return Array.from({ length: Math.max(0, to - oldest + 1) }, (_, i) => this.arrival(oldest + i));
  }
}
