import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryLog, LogSubscription, ValueDraft, ValueLimits } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { untilInTime } from '../support/redis-nodes.ts';
import type { PairFactory } from './log-factory.ts';

type ValuesLog = DeliveryLog & { readonly [Part in 'values' | 'erase']-?: NonNullable<DeliveryLog[Part]> };

const hasValues = (log: DeliveryLog): log is ValuesLog => log.values !== undefined && log.erase !== undefined;

const LIMITS: ValueLimits = { maxKeys: 100, maxBytes: 100_000 };

/** A log that watches the values of a thread, as its hub would. */
class Watch {
  readonly values = new Map<string, string>();
  /** `key=json` of each change, `-key` of each removal. */
  readonly changes: string[] = [];
  wholes = 0;
  readonly #subscription: LogSubscription;
  readonly #end: () => void;

  private constructor(log: ValuesLog, threadId: string, subscription: LogSubscription) {
    this.#subscription = subscription;
    this.#end = log.values.watch(threadId, (changes, isWhole) => {
      const gone = isWhole ? [...this.values.keys()].filter((key) => !changes.some((each) => each.key === key)) : [];
      if (isWhole) this.wholes++;
      for (const { key, json } of [...gone.map((key) => ({ key, json: undefined })), ...changes]) {
        if (this.values.get(key) === json) continue;
        this.changes.push(json === undefined ? `-${key}` : `${key}=${json}`);
        if (json === undefined) this.values.delete(key);
        else this.values.set(key, json);
      }
    });
  }

  static async of(log: ValuesLog, threadId = 't'): Promise<Watch> {
    return new Watch(log, threadId, await log.subscribe(threadId, () => {}));
  }

  get text(): string {
    return textOf([...this.values].map(([key, json]) => ({ key, json })));
  }

  end(): void {
    this.#end();
    this.#subscription.unsubscribe();
  }
}

const textOf = (values: readonly { readonly key: string; readonly json: string }[]): string =>
  values
    .map(({ key, json }) => `${key}=${json}`)
    .toSorted()
    .join(' ');

/** What every delivery log promises of the values of its threads, over two nodes. */
export function valuesContract(makePair: PairFactory, canCrash: boolean): void {
  describe('values', () => {
    let clock: VirtualClock;
    let otherClock: VirtualClock;
    let here: ValuesLog;
    let there: ValuesLog;

    beforeEach(async () => {
      clock = new VirtualClock();
      otherClock = new VirtualClock();
      const pair = await makePair(clock, otherClock);
      const [one, other] = pair;
      if (!hasValues(one) || !hasValues(other)) return expect.fail('the log lacks a part of the port');
      [here, there] = [one, other];
      await Promise.all([here.position('t'), there.position('t')]);
      return undefined;
    });

    afterEach(async () => {
      await Promise.all([here.close(), there.close()]);
    });

    const set = async (log: ValuesLog, key: string, json: string, more: Partial<ValueDraft> = {}): Promise<void> =>
      log.values.set('t', { key, json, ...more }, LIMITS);
    const read = async (log: ValuesLog, key?: string): Promise<string> => textOf(await log.values.read('t', key));

    /** Both clocks run, until it is so. */
    const soon = (isIt: () => boolean | Promise<boolean>, stepMs = 20): Promise<void> =>
      untilInTime(
        clock,
        async () => {
          await otherClock.advance(Math.max(0, clock.now() - otherClock.now()));
          return isIt();
        },
        stepMs,
      );

    it('are read by all nodes as soon as they are set', async () => {
      await set(here, 'a', '1');
      await set(there, 'b', '"ü \\n"');
      await set(there, 'a', '2');
      await set(here, 'key with spaces = and ü', 'null');
      for (const log of [here, there]) expect(await read(log)).toBe('a=2 b="ü \\n" key with spaces = and ü=null');
      expect(await read(here, 'b')).toBe('b="ü \\n"');
      expect(await read(here, 'c')).toBe('');
      expect(await there.values.delete('t', 'a')).toBe(true);
      expect(await here.values.delete('t', 'a')).toBe(false);
      expect(await read(here)).toBe('b="ü \\n" key with spaces = and ü=null');
      expect(await here.values.read('other')).toEqual([]);
    });

    it('are reported to all nodes: those that there are, then each change in order', async () => {
      await set(here, 'a', '1');
      const watches = [await Watch.of(here), await Watch.of(there)];
      await soon(() => watches.every(({ wholes }) => wholes > 0));
      for (const { text } of watches) expect(text).toBe('a=1');
      await set(there, 'a', '2');
      await set(here, 'b', '1');
      await set(there, 'a', '3');
      await here.values.delete('t', 'b');
      await soon(() => watches.every(({ changes }) => changes.length === 5));
      for (const { changes } of watches) expect(changes).toEqual(['a=1', 'a=2', 'b=1', 'a=3', '-b']);
      for (const watch of watches) watch.end();
      await set(here, 'a', '4');
      await clock.advance(100);
      for (const { changes } of watches) expect(changes).toHaveLength(5);
    });

    it('go when their time is up, unless they were set again', async () => {
      const watches = [await Watch.of(here), await Watch.of(there)];
      await set(here, 'a', '1', { ttlMs: 1_000 });
      await set(here, 'b', '1', { ttlMs: 1_000 });
      await set(here, 'c', '1');
      await soon(() => watches.every(({ values }) => values.size === 3));
      const setAt = clock.now();
      await set(there, 'b', '1', { ttlMs: 60_000 });
      await soon(() => watches.every(({ text }) => text === 'b=1 c=1'));
      expect(clock.now() - setAt).toBeLessThan(1_500);
      for (const log of [here, there]) expect(await read(log)).toBe('b=1 c=1');
      expect(await here.values.delete('t', 'a')).toBe(false);
      for (const watch of watches) watch.end();
    });

    it('go with their owner, but not those that another one has set since', async () => {
      const watch = await Watch.of(there);
      await set(here, 'a', '1', { owner: 'ada' });
      await set(here, 'b', '1', { owner: 'ada' });
      await set(here, 'c', '1', { owner: 'ada' });
      await set(here, 'd', '1', { owner: 'ada' });
      await set(here, 'b', '2', { owner: 'bob' });
      await set(there, 'c', '2', { owner: 'ada' });
      await set(here, 'd', '2');
      here.values.end('t', 'nobody');
      here.values.end('t', 'ada');
      await soon(async () => (await read(there)) === 'b=2 c=2 d=2');
      await soon(() => watch.text === 'b=2 c=2 d=2');
      there.values.end('t', 'ada');
      await soon(() => watch.text === 'b=2 d=2');
      expect(await read(here)).toBe('b=2 d=2');
      // a new connection of that name
      await set(here, 'e', '1', { owner: 'ada' });
      expect(await read(there)).toBe('b=2 d=2 e=1');
      watch.end();
    });

    it('go with their owner, however many it has', async () => {
      const watch = await Watch.of(there);
      const keys = Array.from({ length: 90 }, (_, i) => `k${i}`);
      await Promise.all(keys.map((key) => set(here, key, '1', { owner: 'ada' })));
      await set(here, 'k0', '2', { owner: 'bob' });
      await soon(() => watch.values.size === 90);
      here.values.end('t', 'ada');
      await soon(() => watch.text === 'k0=2');
      expect(await read(here)).toBe('k0=2');
      watch.end();
    });

    it('have limits, which count what is there now', async () => {
      const limits = { maxKeys: 2, maxBytes: 20 };
      const put = async (key: string, json: string, ttlMs?: number): Promise<void> =>
        here.values.set('t', { key, json, ttlMs }, limits);
      await put('a', '"12345678"');
      await put('b', '"1"', 500);
      await expect(put('c', '1')).rejects.toMatchObject({ code: 'TC_VALUE_LIMIT', limit: 'values.maxKeys', most: 2 });
      await expect(put('b', '"12345678"')).rejects.toMatchObject({ limit: 'values.maxBytes', most: 20, key: 'b' });
      expect(await read(there)).toBe('a="12345678" b="1"');
      await put('b', '"123456"', 500);
      await put('b', '"1"', 500);
      await clock.advance(600);
      await put('c', '"123456"');
      await here.values.delete('t', 'a');
      await put('d', '"1234"');
      expect(await read(there)).toBe('c="123456" d="1234"');
    });

    it('go with the thread that is erased', async () => {
      const watches = [await Watch.of(here), await Watch.of(there)];
      await set(here, 'a', '1', { owner: 'ada' });
      await soon(() => watches.every(({ values }) => values.size === 1));
      await here.erase('t');
      await soon(() => watches.every(({ values }) => values.size === 0));
      expect(await read(there)).toBe('');
      await set(there, 'a', '2');
      here.values.end('t', 'ada');
      await soon(() => watches.every(({ text }) => text === 'a=2'));
      expect(await read(here)).toBe('a=2');
      for (const watch of watches) watch.end();
    });

    it('converge, whatever is set and deleted at the same time', async () => {
      const watches = [await Watch.of(here), await Watch.of(there)];
      const work: Promise<unknown>[] = [];
      for (let i = 0; i < 200; i++) {
        const log = i % 3 === 0 ? here : there;
        const key = `k${(i * 7) % 10}`;
        if (i % 11 === 5) work.push(Promise.resolve(log.values.delete('t', key)));
        else if (i % 50 === 49) log.values.end('t', 'ada');
        else work.push(set(log, key, String(i), { owner: i % 4 === 0 ? 'ada' : undefined }));
      }
      await Promise.all(work);
      const expected = await read(here);
      await soon(() => watches.every(({ text }) => text === expected));
      expect(await read(there)).toBe(expected);
      for (const watch of watches) watch.end();
    });

    // the other node stops where its clock stands still: it does not report any more that it is alive
    describe.runIf(canCrash)('of a node that has crashed', () => {
      it('are hidden within fifteen seconds, and come back with it', async () => {
        const watch = await Watch.of(here);
        await set(there, 'a', '1', { owner: 'ada' });
        await set(there, 'b', '1');
        await soon(() => watch.text === 'a=1 b=1');
        const crashedAt = clock.now();
        await untilInTime(clock, () => watch.text === 'b=1', 100);
        expect(clock.now() - crashedAt).toBeGreaterThan(5_000);
        expect(clock.now() - crashedAt).toBeLessThan(15_000);
        expect(await read(here)).toBe('b=1');
        // it was only away
        await soon(() => watch.text === 'a=1 b=1', 100);
        await set(here, 'a', '2');
        await soon(() => watch.text === 'a=2 b=1');
        watch.end();
      });

      it('are not seen by a node that comes later, and can be set again', async () => {
        await set(there, 'a', '1', { owner: 'ada' });
        await set(there, 'b', '1', { owner: 'ada' });
        await untilInTime(clock, async () => (await read(here)) === '', 100);
        expect(clock.now()).toBeLessThan(15_000);
        const watch = await Watch.of(here);
        await set(here, 'a', '2', { owner: 'bob' });
        await soon(() => watch.text === 'a=2');
        expect(watch.changes).toEqual(['a=2']);
        watch.end();
      });
    });
  });
}
