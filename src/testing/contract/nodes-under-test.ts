import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Entry, EntryDraft } from '../../api/entry.ts';
import type { Appended, DeliveryLog, LogReset, LogSubscription } from '../../api/log.ts';
import type { MaybePromise } from '../../api/message.ts';
import { makeBody } from '../../infra/log/shared-body.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** Parts of `DeliveryLog` that a log may lack. `notify` stands for all that needs several processes: a log without it has one process. */
export type LogPart = 'erase' | 'presence' | 'answers' | 'notify' | 'values';

/** Makes the log of two nodes, which share it with nothing else. Each node takes its time from its own clock. */
export type MakeNodes = (
  clocks: readonly [VirtualClock, VirtualClock],
) => MaybePromise<readonly [DeliveryLog, DeliveryLog]>;

export type DraftFacts = Partial<Omit<EntryDraft, 'body'>> & { readonly text?: string; readonly bytes?: Uint8Array };

/** What a node has heard of a thread. */
export interface Held {
  readonly subscription: LogSubscription;
  /** Ids of the entries that were reported. */
  readonly ids: string[];
  readonly entries: Entry[];
  readonly notes: string[];
  readonly resets: LogReset[];
}

/** Virtual time between two looks. */
const STEP_MS = 50;

export const textOf = ({ body }: Entry): string => Buffer.concat(body.chunks).toString();

export const bytesOf = ({ body }: Entry): Uint8Array => new Uint8Array(Buffer.concat(body.chunks));

/** Two nodes of a log, and what was given to them. */
export class NodesUnderTest {
  readonly clock = new VirtualClock();
  readonly otherClock = new VirtualClock();
  readonly here: DeliveryLog;
  readonly there: DeliveryLog;
  /** How often the body of each draft was given back. */
  readonly #frees = new Map<number, { readonly id: string; times: number }>();
  readonly #patienceMs: number;

  private constructor(
    [here, there]: readonly [DeliveryLog, DeliveryLog],
    clocks: readonly [VirtualClock, VirtualClock],
    patienceMs: number,
  ) {
    this.#patienceMs = patienceMs;
    this.here = here;
    this.there = there;
    [this.clock, this.otherClock] = clocks;
  }

  static async start(makeNodes: MakeNodes, patienceMs: number): Promise<NodesUnderTest> {
    const clocks = [new VirtualClock(), new VirtualClock()] as const;
    const nodes = new NodesUnderTest(await makeNodes(clocks), clocks, patienceMs);
    // both are connected, and have reported that they are alive
    for (const log of [nodes.here, nodes.there]) {
      await log.position('t');
      await log.presence?.list('t');
    }
    return nodes;
  }

  /** Closes both. Each body must have been given back exactly once. */
  async end(): Promise<void> {
    await this.here.close();
    await this.there.close();
    for (const { id, times } of this.#frees.values())
      assert.equal(times, 1, `the body of ${id} was released ${times} times, not once`);
  }

  draft(id: string, { text = JSON.stringify(id), bytes = Buffer.from(text), ...facts }: DraftFacts = {}): EntryDraft {
    const freed = { id, times: 0 };
    this.#frees.set(this.#frees.size, freed);
    const body = makeBody(bytes.length === 0 ? [] : [bytes], () => void freed.times++);
    return { threadId: 't', id, lane: 'normal', expiresAt: Infinity, ...facts, body };
  }

  append(log: DeliveryLog, id: string, facts?: DraftFacts): MaybePromise<Appended> {
    return log.append(this.draft(id, facts));
  }

  async appendAll(log: DeliveryLog, ids: string, facts?: DraftFacts): Promise<void> {
    for (const id of ids.split(' ')) await this.append(log, id, facts);
  }

  async hold(log: DeliveryLog, threadId = 't'): Promise<Held> {
    const held = { ids: [], entries: [], notes: [], resets: [] } satisfies Omit<Held, 'subscription'>;
    const { ids, entries, notes, resets }: Omit<Held, 'subscription'> = held;
    const subscription = await log.subscribe(
      threadId,
      (entry) => {
        ids.push(entry.id);
        entries.push(entry);
      },
      (note) => notes.push(note),
      (reset) => resets.push(reset),
    );
    return { subscription, ids, entries, notes, resets };
  }

  /** `id is text` of what a node reads of the thread. */
  async read(log: DeliveryLog, after = 0, limit = 100): Promise<string> {
    return (await log.readAfter('t', after, limit)).map((entry) => `${entry.id} is ${textOf(entry)}`).join(', ');
  }

  /** Waits for what comes from the other node: the clocks of both move, to the same time. */
  until(isIt: () => MaybePromise<boolean>, what: string): Promise<void> {
    return this.#until(isIt, what, async () => {
      await this.clock.advance(STEP_MS);
      await this.otherClock.advance(Math.max(0, this.clock.now() - this.otherClock.now()));
    });
  }

  /** As `until`, while the other node stands still, as after a crash. */
  untilAlone(isIt: () => MaybePromise<boolean>, what: string): Promise<void> {
    return this.#until(isIt, what, () => this.clock.advance(STEP_MS));
  }

  async #until(isIt: () => MaybePromise<boolean>, what: string, step: () => Promise<void>): Promise<void> {
    const until = performance.now() + this.#patienceMs;
    while (!(await isIt())) {
      if (performance.now() > until) assert.fail(`in ${this.#patienceMs} ms it was never true that ${what}`);
      await step();
      await pause(2);
    }
  }
}

/** A part of the port that this test needs. */
export function partOf<Part extends LogPart>(log: DeliveryLog, part: Part): NonNullable<DeliveryLog[Part]> {
  const found = log[part];
  if (found === undefined || found === null)
    return assert.fail(`the log has no \`${part}\`: name it in \`without\` if that is meant`);
  return found;
}

/** One test of the contract. */
export interface ContractTest {
  readonly name: string;
  /** The test is left out for a log without these. */
  readonly needs?: readonly LogPart[];
  /** Only for a log that can lose a node without a word. */
  readonly isCrash?: boolean;
  readonly run: (nodes: NodesUnderTest) => Promise<void>;
}
