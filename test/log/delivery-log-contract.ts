import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryLog, Entry, EntryDraft, LogSubscription } from '../../src/index.ts';
import { ENTRY_BYTES } from '../../src/infra/log/entry.ts';
import { SharedBody } from '../../src/infra/log/shared-body.ts';
import type { Body } from '../../src/api/body.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { trials } from '../support/tier.ts';
import { amendmentsContract } from './amendments-contract.ts';
import { nodesContract } from './nodes-contract.ts';
import type { LogFactory, LogLimits, PairFactory } from './log-factory.ts';

/** What a log may do otherwise than the others. */
export interface LogTraits {
  /** An id is known longer than its entry is kept. @default false */
  readonly remembersIds?: boolean;
  /** Runs of the property. @default 300 */
  readonly runs?: number;
  /** The log of two nodes. */
  readonly makePair: PairFactory;
  /** A node of it can stop without a word. @default false */
  readonly canCrash?: boolean;
}

/** What a message is said to be compressed; a log counts it as well. */
const SMALL_BYTES = 5;

/** A message for the log, compressed as well. */
class Draft implements EntryDraft {
  static #nextId = 0;
  readonly threadId: string;
  readonly id: string;
  readonly lane: 'normal' | 'critical';
  readonly body: Body;
  readonly deflated: EntryDraft['deflated'];
  readonly key: string | undefined;
  readonly except: string | undefined;
  readonly isShared: boolean;
  readonly expiresAt: number;
  /** How often its memory was given back, and that of its compressed form. */
  frees = 0;
  deflatedFrees = 0;

  constructor(
    facts: Partial<Pick<EntryDraft, 'threadId' | 'id' | 'key' | 'except' | 'isShared' | 'expiresAt'>> & DraftFacts = {},
  ) {
    const id = facts.id ?? `id-${++Draft.#nextId}`;
    this.threadId = facts.threadId ?? 't';
    this.id = id;
    this.lane = facts.lane ?? 'normal';
    this.key = facts.key;
    this.except = facts.except;
    this.isShared = facts.isShared === true;
    this.expiresAt = facts.expiresAt ?? Infinity;
    const text = facts.bytes === undefined ? JSON.stringify(id) : `"${'x'.repeat(facts.bytes - 2)}"`;
    this.body = new SharedBody([Buffer.from(text)], () => void this.frees++);
    this.deflated = new Map([[15, new SharedBody([Buffer.alloc(SMALL_BYTES)], () => void this.deflatedFrees++)]]);
  }
}

interface DraftFacts {
  readonly lane?: 'normal' | 'critical';
  readonly bytes?: number;
}

const textOf = ({ body }: Entry): string => Buffer.concat(body.chunks).toString();
const idsOf = (entries: readonly Entry[]): string[] => entries.map(({ id }) => id);

/** What every delivery log promises, whatever it is made of. */
export function deliveryLogContract(name: string, makeLog: LogFactory, traits: LogTraits): void {
  const { remembersIds = false, runs = 300, makePair, canCrash = false } = traits;
  describe(`the delivery log contract: ${name}`, () => {
    let clock: VirtualClock;
    let log: DeliveryLog;
    let drafts: Draft[];

    const make = async (limits: LogLimits = {}): Promise<void> => {
      log = await makeLog({ ...limits, clock });
    };

    const append = async (
      facts: ConstructorParameters<typeof Draft>[0] = {},
    ): Promise<{ draft: Draft; entry: Entry }> => {
      const draft = new Draft(facts);
      drafts.push(draft);
      const { entry, isDuplicate } = await log.append(draft);
      expect(isDuplicate).toBe(false);
      return { draft, entry };
    };

    const subscribe = async (threadId = 't'): Promise<{ entries: Entry[]; subscription: LogSubscription }> => {
      const entries: Entry[] = [];
      return { entries, subscription: await log.subscribe(threadId, (entry) => void entries.push(entry)) };
    };

    beforeEach(async () => {
      clock = new VirtualClock();
      drafts = [];
      await make();
    });

    afterEach(async () => {
      await log.close();
      // released exactly once: a second release would have thrown
      for (const { frees, deflatedFrees } of drafts) expect([frees, deflatedFrees]).toEqual([1, 1]);
    });

    describe('append', () => {
      it('gives each entry the next offset of its thread, from 1', async () => {
        const offsets: number[] = [];
        for (let i = 0; i < 5; i++) offsets.push((await append()).entry.offset);
        expect(offsets).toEqual([1, 2, 3, 4, 5]);
        expect((await append({ threadId: 'other' })).entry.offset).toBe(1);
      });

      it('keeps what the draft says', async () => {
        await subscribe();
        const { draft, entry } = await append({
          lane: 'critical',
          key: 'k',
          except: 'e',
          isShared: true,
          expiresAt: 99,
        });
        expect(entry).toMatchObject({
          threadId: 't',
          id: draft.id,
          lane: 'critical',
          key: 'k',
          except: 'e',
          isShared: true,
          expiresAt: 99,
        });
        expect(textOf(entry)).toBe(JSON.stringify(draft.id));
        expect(entry.isSuperseded).toBe(false);
      });

      it('keeps what the draft says, where nobody in this process reads the thread', async () => {
        const { draft } = await append({ lane: 'critical', key: 'k', except: 'e', isShared: true, expiresAt: 99 });
        const [entry] = await log.readAfter('t', 0, 1);
        expect(entry).toMatchObject({
          threadId: 't',
          id: draft.id,
          lane: 'critical',
          key: 'k',
          except: 'e',
          isShared: true,
          expiresAt: 99,
        });
        expect(entry && textOf(entry)).toBe(JSON.stringify(draft.id));
      });

      it('gives each message the time at which it was logged, the same to all who read it', async () => {
        const { entry } = await append();
        const [read] = await log.readAfter('t', 0, 1);
        expect(Number.isSafeInteger(entry.at)).toBe(true);
        expect(read?.at).toBe(entry.at);
      });

      it('keeps the order of appends that are not awaited', async () => {
        const made = Array.from({ length: 20 }, () => new Draft());
        drafts.push(...made);
        const appended = await Promise.all(made.map(async (draft) => log.append(draft)));
        expect(appended.map(({ entry }) => entry.offset)).toEqual(made.map((_, i) => i + 1));
        expect(idsOf(await log.readAfter('t', 0, 100))).toEqual(idsOf(appended.map(({ entry }) => entry)));
      });

      it('keeps messages of any bytes', async () => {
        const { entry } = await append({ bytes: 300_000 });
        expect(entry.body.bytes).toBe(300_000);
        const [read] = await log.readAfter('t', 0, 1);
        expect(read && textOf(read)).toBe(`"${'x'.repeat(299_998)}"`);
      });
    });

    describe('idempotency', () => {
      it('answers a known id with the entry from before, and appends nothing', async () => {
        await subscribe();
        const first = await append({ id: 'same' });
        await append();
        const again = new Draft({ id: 'same', bytes: 50 });
        const { entry, isDuplicate } = await log.append(again);
        expect(isDuplicate).toBe(true);
        expect([entry.offset, entry.id]).toEqual([first.entry.offset, 'same']);
        expect(again.frees).toBe(1);
        expect(first.draft.frees).toBe(0);
        expect((await log.position('t')).offset).toBe(2);
      });

      it('tells nobody of a duplicate', async () => {
        const { entries } = await subscribe();
        await append({ id: 'same' });
        await log.append(new Draft({ id: 'same' }));
        expect(idsOf(entries)).toEqual(['same']);
      });

      it('is per thread', async () => {
        await append({ id: 'same' });
        expect((await append({ id: 'same', threadId: 'other' })).entry.offset).toBe(1);
      });

      it('does not let a duplicate supersede anything', async () => {
        await append({ id: 'a', key: 'k' });
        await append({ id: 'b', key: 'k' });
        await log.append(new Draft({ id: 'a', key: 'k' }));
        expect(idsOf(await log.readAfter('t', 0, 10))).toEqual(['b']);
      });
    });

    describe('readBefore', () => {
      const read = async (before: number, limit = 10, maxBytes = Infinity) => {
        const page = await log.readBefore('t', before, limit, maxBytes);
        return [idsOf(page.entries).join(' '), page.hasOlder];
      };

      it.each(['held', 'not held'])(
        'gives the newest messages before an offset, oldest first, of a thread %s',
        async (how) => {
          for (const id of ['a', 'b', 'c', 'd']) await append({ id });
          if (how === 'held') await log.subscribe('t', () => {});
          expect(await read(Infinity)).toEqual(['a b c d', false]);
          expect(await read(Infinity, 2)).toEqual(['c d', true]);
          expect(await read(3)).toEqual(['a b', false]);
          expect(await read(3, 1)).toEqual(['b', true]);
          expect(await read(1)).toEqual(['', false]);
          expect(await read(99, 4)).toEqual(['a b c d', false]);
          expect(await read(Infinity, 10, 1)).toEqual(['d', true]);
          const { position, first } = await log.readBefore('t', 2, 1, 1);
          expect([position, first <= 1]).toEqual([await log.position('t'), true]);
        },
      );

      it('leaves out what was superseded', async () => {
        await append({ id: 'a', key: 'k' });
        await append({ id: 'b' });
        await append({ id: 'c', key: 'k' });
        await append({ id: 'd' });
        expect(await read(Infinity)).toEqual(['b c d', false]);
        expect(await read(3)).toEqual(['b', false]);
      });

      it('of a thread without a log', async () => {
        const { entries, hasOlder } = await log.readBefore('nobody', Infinity, 10, 1);
        expect([entries, hasOlder]).toEqual([[], false]);
      });
    });

    describe('readAfter', () => {
      it('gives what comes after an offset, oldest first, at most so many', async () => {
        for (const id of ['a', 'b', 'c', 'd']) await append({ id });
        expect(idsOf(await log.readAfter('t', 0, 10))).toEqual(['a', 'b', 'c', 'd']);
        expect(idsOf(await log.readAfter('t', 1, 2))).toEqual(['b', 'c']);
        expect(idsOf(await log.readAfter('t', 4, 10))).toEqual([]);
        expect(idsOf(await log.readAfter('t', 99, 10))).toEqual([]);
      });

      it('knows nothing of a thread that nobody has used, and does not begin it', async () => {
        expect(await log.readAfter('nobody', 0, 10)).toEqual([]);
      });

      it('leaves out what was superseded or has expired', async () => {
        await append({ id: 'old', key: 'k' });
        await append({ id: 'gone', expiresAt: clock.now() + 100 });
        await append({ id: 'new', key: 'k' });
        await append({ id: 'other', key: 'l' });
        expect(idsOf(await log.readAfter('t', 0, 10))).toEqual(['gone', 'new', 'other']);
        await clock.advance(100);
        expect(idsOf(await log.readAfter('t', 0, 10))).toEqual(['new', 'other']);
        expect(idsOf(await log.readAfter('t', 0, 1))).toEqual(['new']);
      });
    });

    describe('position', () => {
      it('is that of the newest entry, and 0 without an id before the first', async () => {
        const empty = await log.position('t');
        expect(empty).toEqual({ epoch: empty.epoch, offset: 0, id: '' });
        expect(empty.epoch).toMatch(/^[\w-]{1,64}$/);
        await append();
        const { draft } = await append();
        expect(await log.position('t')).toEqual({ epoch: empty.epoch, offset: 2, id: draft.id });
      });

      it('stays where it is when everything has been trimmed', async () => {
        await make({ maxAgeMs: 1_000 });
        await subscribe();
        const { draft } = await append();
        const before = await log.position('t');
        await clock.advance(5_000);
        log.sweep();
        expect(await log.readAfter('t', 0, 10)).toEqual([]);
        expect(await log.position('t')).toEqual(before);
        expect(before.id).toBe(draft.id);
        expect((await append()).entry.offset).toBe(2);
      });

      it('has an epoch for each thread, which lasts', async () => {
        const [a, b] = [await log.position('a'), await log.position('b')];
        expect(a.epoch).not.toBe(b.epoch);
        await append({ threadId: 'a' });
        expect((await log.position('a')).epoch).toBe(a.epoch);
        expect((await subscribe('a')).subscription.tail.epoch).toBe(a.epoch);
      });
    });

    describe('subscribe', () => {
      it('reports each entry once, in order, after it can be read', async () => {
        const offsets: number[] = [];
        const subscription = await log.subscribe('t', (entry) => {
          expect(subscription.tail.at(entry.offset)).toBe(entry);
          offsets.push(entry.offset);
        });
        for (let i = 0; i < 4; i++) await append();
        await append({ threadId: 'other' });
        expect(offsets).toEqual([1, 2, 3, 4]);
      });

      it('holds what was there before, and what comes', async () => {
        await append({ id: 'before' });
        const { subscription } = await subscribe();
        await append({ id: 'after' });
        await subscription.reach?.('start');
        const { tail } = subscription;
        expect([tail.first, tail.head]).toEqual([1, 2]);
        expect([tail.at(1)?.id, tail.at(2)?.id]).toEqual(['before', 'after']);
        expect([tail.at(0), tail.at(3), tail.at(-1)]).toEqual([undefined, undefined, undefined]);
      });

      it('begins empty', async () => {
        const { tail } = (await subscribe()).subscription;
        expect([tail.first, tail.head, tail.criticalAfter(0)]).toEqual([1, 0, undefined]);
      });

      it('ends with unsubscribe, for this subscriber alone', async () => {
        const [one, two] = [await subscribe(), await subscribe()];
        await append();
        one.subscription.unsubscribe();
        one.subscription.unsubscribe();
        await append();
        expect([one.entries.length, two.entries.length]).toEqual([1, 2]);
      });

      it('finds the critical entries', async () => {
        const { tail } = (await subscribe()).subscription;
        for (const lane of ['normal', 'critical', 'normal', 'critical', 'critical'] as const) await append({ lane });
        expect([0, 1, 2, 3, 4, 5].map((offset) => tail.criticalAfter(offset))).toEqual([2, 2, 4, 4, 5, undefined]);
        expect([0, 1, 2, 3, 4, 5].map((offset) => tail.criticalCountAfter(offset))).toEqual([3, 3, 2, 2, 1, 0]);
      });

      it('counts no critical entry that was superseded', async () => {
        const { tail } = (await subscribe()).subscription;
        for (let i = 0; i < 5; i++) await append({ lane: 'critical', key: 'status' });
        expect([tail.criticalAfter(0), tail.criticalCountAfter(0)]).toEqual([5, 1]);
      });
    });

    describe('conflation', () => {
      it('marks what is superseded, and keeps its place', async () => {
        const { tail } = (await subscribe()).subscription;
        const old = await append({ key: 'k' });
        const other = await append({ key: 'l' });
        const none = await append();
        const next = await append({ key: 'k' });
        const marks = [old, other, none, next].map(({ entry }) => entry.isSuperseded);
        expect(marks).toEqual([true, false, false, false]);
        expect([tail.first, tail.head, tail.at(1)?.isDeliverable(0), tail.at(4)?.isDeliverable(0)]).toEqual([
          1,
          4,
          false,
          true,
        ]);
      });

      it('is per thread', async () => {
        const { entry } = await append({ key: 'k' });
        await append({ key: 'k', threadId: 'other' });
        expect(entry.isSuperseded).toBe(false);
      });

      it('lets go of the memory of what nobody is given any more', async () => {
        await subscribe();
        const { draft } = await append({ key: 'k', bytes: 100_000 });
        await append({ key: 'k' });
        expect(draft.frees).toBe(1);
      });
    });

    describe('retention', () => {
      it('keeps so many entries', async () => {
        await make({ maxEntries: 3 });
        const { tail } = (await subscribe()).subscription;
        const made: Draft[] = [];
        for (let i = 0; i < 10; i++) made.push((await append()).draft);
        expect([tail.first, tail.head]).toEqual([8, 10]);
        expect(made.map(({ frees }) => frees)).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
        expect((await log.readAfter('t', 0, 100)).map(({ offset }) => offset)).toEqual([8, 9, 10]);
        expect(tail.at(7)).toBeUndefined();
      });

      it('keeps so many bytes, and the newest entry whatever its size', async () => {
        await make({ maxBytes: 25_000 });
        const { tail } = (await subscribe()).subscription;
        for (let i = 0; i < 5; i++) await append({ bytes: 10_000 });
        expect([tail.first, tail.head]).toEqual([4, 5]);
        await append({ bytes: 1_000_000 });
        expect([tail.first, tail.head]).toEqual([6, 6]);
        await append({ bytes: 10_000 });
        expect([tail.first, tail.head]).toEqual([7, 7]);
      });

      it('keeps entries for so long', async () => {
        await make({ maxAgeMs: 1_000 });
        const { tail } = (await subscribe()).subscription;
        await append();
        await clock.advance(600);
        await append();
        await clock.advance(399);
        log.sweep();
        expect([tail.first, tail.head]).toEqual([1, 2]);
        await clock.advance(1);
        log.sweep();
        expect([tail.first, tail.head]).toEqual([2, 2]);
        await clock.advance(10_000);
        log.sweep();
        expect([tail.first, tail.head]).toEqual([3, 2]);
      });

      it('keeps of some threads so many entries, for so long', async () => {
        await make({
          maxEntries: 4,
          maxAgeMs: 1_000,
          retention: {
            'room:*': { maxEntries: 3 },
            'room:big:*': { maxEntries: 9, maxAgeMs: 500 },
            'room:big:1': { maxEntries: 1 },
          },
        });
        const threads = ['t', 'room:', 'room:1', 'room:big:', 'room:big:2', 'room:big:1'];
        const tails: LogSubscription['tail'][] = [];
        for (const threadId of threads) tails.push((await subscribe(threadId)).subscription.tail);
        for (const threadId of threads) for (let i = 0; i < 10; i++) await append({ threadId });
        const held = (): number[] => tails.map(({ first, head }) => head - first + 1);
        expect(held()).toEqual([4, 4, 3, 3, 9, 1]);
        const read = await Promise.all(threads.map(async (threadId) => (await log.readAfter(threadId, 0, 99)).length));
        expect(read).toEqual(held());
        await clock.advance(500);
        log.sweep();
        expect(held()).toEqual([4, 4, 3, 3, 0, 1]);
      });

      it('trims in slices, where others are to have their turn', async () => {
        await make({ maxAgeMs: 1_000 });
        const tails: LogSubscription['tail'][] = [];
        for (let i = 0; i < 40; i++) {
          tails.push((await subscribe(`t${i}`)).subscription.tail);
          await append({ threadId: `t${i}` });
        }
        await clock.advance(1_000);
        let slices = 1;
        while (log.sweep(() => true) === false) slices++;
        expect(slices).toBe(3);
        expect(tails.every(({ first, head }) => first === 2 && head === 1)).toBe(true);
      });

      it('knows an id for as long as its entry, or longer', async () => {
        await make({ maxEntries: 2 });
        await append({ id: 'a' });
        await append();
        await append();
        const again = new Draft({ id: 'a' });
        drafts.push(again);
        const { entry, isDuplicate } = await log.append(again);
        expect([entry.offset, isDuplicate]).toEqual(remembersIds ? [1, true] : [4, false]);
      });

      it('forgets keys and critical entries with what it trims', async () => {
        await make({ maxEntries: 2 });
        const { tail } = (await subscribe()).subscription;
        await append({ lane: 'critical', key: 'k' });
        await append({ lane: 'critical' });
        await append();
        await append({ key: 'k' });
        expect([tail.criticalAfter(0), tail.criticalCountAfter(0)]).toEqual([undefined, 0]);
        expect(idsOf(await log.readAfter('t', 0, 10))).toHaveLength(2);
      });

      it('spares what is held, until the next hold or the end of the subscription', async () => {
        await make({ maxEntries: 2 });
        const { subscription } = await subscribe();
        const { tail } = subscription;
        subscription.hold(0);
        for (let i = 0; i < 6; i++) await append();
        expect([tail.first, tail.head]).toEqual([1, 6]);
        subscription.hold(3);
        await append();
        expect([tail.first, tail.head]).toEqual([4, 7]);
        subscription.unsubscribe();
        await append();
        expect(idsOf(await log.readAfter('t', 0, 10))).toHaveLength(2);
      });
    });

    amendmentsContract(makeLog);
    nodesContract(makePair, canCrash);

    describe('close', () => {
      it('gives all memory back, once', async () => {
        for (let i = 0; i < 5; i++) await append({ threadId: `t${i % 2}`, ...(i === 3 ? { key: 'k' } : {}) });
        await log.close();
        expect(drafts.map(({ frees }) => frees)).toEqual([1, 1, 1, 1, 1]);
        await log.close();
      });

      it('leaves memory that somebody else still holds', async () => {
        await subscribe();
        const { draft } = await append();
        draft.body.retain();
        await log.close();
        expect(draft.frees).toBe(0);
        draft.body.release();
      });
    });

    it('keeps every promise at once, whatever is appended (property)', async () => {
      const act = fc.oneof(
        {
          weight: 8,
          arbitrary: fc.record({
            id: fc.nat({ max: 12 }),
            key: fc.option(fc.constantFrom('k', 'l'), { nil: undefined }),
            bytes: fc.integer({ min: 2, max: 600 }),
            lane: fc.constantFrom('normal' as const, 'critical' as const),
          }),
        },
        { weight: 1, arbitrary: fc.record({ ms: fc.integer({ min: 1, max: 900 }) }) },
      );
      const limits = fc.record({
        maxEntries: fc.integer({ min: 1, max: 8 }),
        maxBytes: fc.integer({ min: 1, max: 12_000 }),
        maxAgeMs: fc.integer({ min: 1, max: 2_000 }),
      });
      const property = fc.asyncProperty(limits, fc.array(act, { maxLength: 40, size: 'max' }), async (limits, acts) => {
        await checkRun(makeLog, limits, acts, remembersIds);
      });
      await expect(fc.assert(property, trials(runs))).resolves.toBeUndefined();
    });
  });
}

type Act =
  | { readonly ms: number }
  | {
      readonly id: number;
      readonly key: string | undefined;
      readonly bytes: number;
      readonly lane: 'normal' | 'critical';
    };

interface Kept {
  readonly offset: number;
  readonly draft: Draft;
  readonly at: number;
  isSuperseded: boolean;
}

type Bounds = Required<Omit<LogLimits, 'retention'>>;

/** The log as a list. */
class ListLog {
  kept: Kept[] = [];
  head = 0;
  readonly #limits: Bounds;
  readonly #remembersIds: boolean;
  readonly #all: Kept[] = [];

  constructor(limits: Bounds, remembersIds: boolean) {
    this.#limits = limits;
    this.#remembersIds = remembersIds;
  }

  get live(): readonly Kept[] {
    return this.kept.filter(({ isSuperseded }) => !isSuperseded);
  }

  /** The entry, new or known. */
  append(draft: Draft, now: number): Kept {
    const known = (this.#remembersIds ? this.#all : this.kept).find((entry) => entry.draft.id === draft.id);
    if (known !== undefined) return known;
    for (const older of this.kept)
      if (draft.key !== undefined && older.draft.key === draft.key) older.isSuperseded = true;
    const entry = { offset: ++this.head, draft, at: now, isSuperseded: false };
    this.kept.push(entry);
    this.#all.push(entry);
    this.trim(now);
    return entry;
  }

  trim(now: number): void {
    while (this.#isTooMuch || (this.kept[0] !== undefined && this.kept[0].at + this.#limits.maxAgeMs <= now)) {
      this.kept = this.kept.slice(1);
    }
  }

  get #isTooMuch(): boolean {
    const bytes = this.live.reduce(
      (sum, { draft }) => sum + draft.body.bytes + SMALL_BYTES,
      ENTRY_BYTES * this.kept.length,
    );
    return this.kept.length > 1 && (this.kept.length > this.#limits.maxEntries || bytes > this.#limits.maxBytes);
  }
}

/** @throws where the log and the list disagree */
async function checkRun(
  makeLog: LogFactory,
  limits: Bounds,
  acts: readonly Act[],
  remembersIds: boolean,
): Promise<void> {
  const clock = new VirtualClock();
  const log = await makeLog({ ...limits, clock });
  const reported: number[] = [];
  const { tail } = await log.subscribe('t', ({ offset }) => void reported.push(offset));
  const drafts: Draft[] = [];
  const list = new ListLog(limits, remembersIds);
  const append = async (draft: Draft): Promise<void> => {
    drafts.push(draft);
    const { entry, isDuplicate } = await log.append(draft);
    const expected = list.append(draft, clock.now());
    expect([entry.offset, isDuplicate]).toEqual([expected.offset, expected.draft !== draft]);
  };
  for (const act of acts) {
    if ('ms' in act) {
      await clock.advance(act.ms);
      log.sweep();
      list.trim(clock.now());
    } else {
      await append(new Draft({ id: `id-${act.id}`, key: act.key, bytes: act.bytes, lane: act.lane }));
    }
    const { kept, live, head } = list;
    expect([tail.first, tail.head]).toEqual([kept[0]?.offset ?? head + 1, head]);
    expect((await log.readAfter('t', 0, 1_000)).map(({ offset }) => offset)).toEqual(live.map(({ offset }) => offset));
    const critical = live.filter(({ draft }) => draft.lane === 'critical').map(({ offset }) => offset);
    for (let offset = 0; offset <= head; offset++) {
      const after = critical.filter((other) => other > offset);
      expect([tail.criticalAfter(offset), tail.criticalCountAfter(offset)]).toEqual([after[0], after.length]);
    }
    const held = new Set(live.map(({ draft }) => draft));
    const frees = drafts.map((draft) => (held.has(draft) ? 0 : 1));
    // a remote log may have the message from its channel before the answer to its own command, which needs the body until then
    await expect.poll(() => drafts.map((draft) => draft.frees), { interval: 1 }).toEqual(frees);
  }
  expect(reported).toEqual(Array.from({ length: list.head }, (_, i) => i + 1));
  await log.close();
  for (const { frees, deflatedFrees } of drafts) expect([frees, deflatedFrees]).toEqual([1, 1]);
}
