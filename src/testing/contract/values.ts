import assert from 'node:assert/strict';
import type { DeliveryLog, LogSubscription } from '../../api/log.ts';
import type { LogValue, ValueDraft } from '../../api/log-values.ts';
import { ValueLimitError } from '../../infra/errors.ts';
import { partOf, type ContractTest, type NodesUnderTest } from './nodes-under-test.ts';

const LIMITS = { maxKeys: 100, maxBytes: 100_000 };

const set = async (log: DeliveryLog, key: string, json: string, more: Partial<ValueDraft> = {}): Promise<void> =>
  partOf(log, 'values').set('t', { key, json, ...more }, LIMITS);

const unset = async (log: DeliveryLog, key: string): Promise<boolean> => partOf(log, 'values').delete('t', key);

const read = async (log: DeliveryLog, key?: string): Promise<string> =>
  textOf(await partOf(log, 'values').read('t', key));

const textOf = (values: readonly LogValue[]): string =>
  values
    .map(({ key, json }) => `${key}=${json}`)
    .toSorted()
    .join(' ');

/** A log that watches the values of a thread, as its hub would. */
class Watch {
  readonly values = new Map<string, string>();
  /** `key=json` of each change, `-key` of each removal. */
  readonly changes: string[] = [];
  isWhole = false;
  readonly #subscription: LogSubscription;
  readonly #end: () => void;

  private constructor(log: DeliveryLog, subscription: LogSubscription) {
    this.#subscription = subscription;
    this.#end = partOf(log, 'values').watch('t', (changes, isWhole) => {
      const gone = isWhole ? [...this.values.keys()].filter((key) => !changes.some((each) => each.key === key)) : [];
      this.isWhole ||= isWhole;
      for (const { key, json } of [...gone.map((key) => ({ key, json: undefined })), ...changes]) {
        if (this.values.get(key) === json) continue;
        this.changes.push(json === undefined ? `-${key}` : `${key}=${json}`);
        if (json === undefined) this.values.delete(key);
        else this.values.set(key, json);
      }
    });
  }

  static async of(log: DeliveryLog): Promise<Watch> {
    return new Watch(log, await log.subscribe('t', () => {}));
  }

  get text(): string {
    return textOf([...this.values].map(([key, json]) => ({ key, json })));
  }

  end(): void {
    this.#end();
    this.#subscription.unsubscribe();
  }
}

/** Watches the thread on both nodes. */
async function watched(
  nodes: NodesUnderTest,
  run: (watches: readonly [Watch, Watch], have: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const watches = [await Watch.of(nodes.here), await Watch.of(nodes.there)] as const;
  const have = (text: string): Promise<void> =>
    nodes.until(
      () => watches.every((watch) => watch.isWhole && watch.text === text),
      `both nodes have the values "${text}"`,
    );
  await run(watches, have);
  for (const watch of watches) watch.end();
}

const isRead = (nodes: NodesUnderTest, log: DeliveryLog, text: string): Promise<void> =>
  nodes.until(async () => (await read(log)) === text, `the values are "${text}"`);

/** What a log promises of the values of its threads. */
export const valueTests: readonly ContractTest[] = [
  {
    name: 'values are read by all nodes as soon as they are set',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      await set(here, 'a', '1');
      await set(there, 'b', '"ü \\n"');
      await set(there, 'a', '2');
      await set(here, 'key with spaces = and ü', 'null');
      for (const log of [here, there]) assert.equal(await read(log), 'a=2 b="ü \\n" key with spaces = and ü=null');
      assert.equal(await read(here, 'b'), 'b="ü \\n"');
      assert.equal(await read(here, 'c'), '');
      assert.equal(await unset(there, 'a'), true);
      assert.equal(await unset(here, 'a'), false);
      assert.equal(await read(here), 'b="ü \\n" key with spaces = and ü=null');
      assert.deepEqual(await partOf(here, 'values').read('other'), []);
    },
  },
  {
    name: 'values are reported to all nodes: those that there are, then each change in order',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      await set(here, 'a', '1');
      await watched(nodes, async (watches, have) => {
        await have('a=1');
        await set(there, 'a', '2');
        await set(here, 'b', '1');
        await set(there, 'a', '3');
        await unset(here, 'b');
        await nodes.until(() => watches.every(({ changes }) => changes.length === 5), 'all changes have come');
        for (const watch of watches) {
          assert.deepEqual(watch.changes, ['a=1', 'a=2', 'b=1', 'a=3', '-b']);
          watch.end();
        }
        await set(here, 'a', '4');
        await nodes.clock.advance(100);
        for (const { changes } of watches) assert.equal(changes.length, 5);
      });
    },
  },
  {
    name: 'a value goes when its time is up, unless it was set again',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      await watched(nodes, async (_, have) => {
        await set(here, 'c', '1');
        await have('c=1');
        await set(here, 'a', '1', { ttlMs: 1_000 });
        await set(here, 'b', '1', { ttlMs: 1_000 });
        await set(there, 'b', '1', { ttlMs: 3_600_000 });
        assert.equal(await read(there), 'a=1 b=1 c=1');
        await nodes.clock.advance(1_000);
        await have('b=1 c=1');
        for (const log of [here, there]) assert.equal(await read(log), 'b=1 c=1');
        assert.equal(await unset(here, 'a'), false);
      });
    },
  },
  {
    name: 'a value goes with its owner, but not one that another owner, or none, has set since',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      await watched(nodes, async (_, have) => {
        for (const key of ['a', 'b', 'c', 'd']) await set(here, key, '1', { owner: 'ada' });
        await set(here, 'b', '2', { owner: 'bob' });
        await set(there, 'c', '2', { owner: 'ada' });
        await set(here, 'd', '2');
        partOf(here, 'values').end('t', 'unknown');
        partOf(here, 'values').end('t', 'ada');
        await isRead(nodes, there, 'b=2 c=2 d=2');
        await have('b=2 c=2 d=2');
        partOf(there, 'values').end('t', 'ada');
        await have('b=2 d=2');
        assert.equal(await read(here), 'b=2 d=2');
        // a new connection of that name
        await set(here, 'e', '1', { owner: 'ada' });
        assert.equal(await read(there), 'b=2 d=2 e=1');
      });
    },
  },
  {
    name: 'values go with their owner, however many it has',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      const keys = Array.from({ length: 90 }, (_, i) => `k${i}`);
      await Promise.all(keys.map((key) => set(here, key, '1', { owner: 'ada' })));
      await set(here, 'k0', '2', { owner: 'bob' });
      const all = textOf(keys.map((key) => ({ key, json: key === 'k0' ? '2' : '1' })));
      assert.equal(await read(there), all);
      partOf(here, 'values').end('t', 'ada');
      await isRead(nodes, there, 'k0=2');
      await isRead(nodes, here, 'k0=2');
    },
  },
  {
    name: 'values have limits, which count what is there now; beyond them is a ValueLimitError, and nothing has changed',
    needs: ['values'],
    async run(nodes) {
      const put = async (key: string, json: string, ttlMs?: number): Promise<void> =>
        partOf(nodes.here, 'values').set('t', { key, json, ttlMs }, { maxKeys: 2, maxBytes: 20 });
      await put('a', '"12345678"');
      await put('b', '"1"');
      await assert.rejects(put('c', '1'), ValueLimitError);
      await assert.rejects(put('b', '"12345678"'), ValueLimitError);
      assert.equal(await read(nodes.there), 'a="12345678" b="1"');
      await put('b', '"123456"');
      await put('b', '"1"', 500);
      await nodes.clock.advance(600);
      await put('c', '"123456"');
      await unset(nodes.here, 'a');
      await put('d', '"1234"');
      assert.equal(await read(nodes.there), 'c="123456" d="1234"');
    },
  },
  {
    name: 'values go with the thread that is erased',
    needs: ['values', 'erase'],
    async run(nodes) {
      const { here, there } = nodes;
      await watched(nodes, async (_, have) => {
        await set(here, 'a', '1', { owner: 'ada' });
        await have('a=1');
        await here.erase?.('t');
        await have('');
        assert.equal(await read(there), '');
        await set(there, 'a', '2');
        partOf(here, 'values').end('t', 'ada');
        await have('a=2');
        assert.equal(await read(here), 'a=2');
      });
    },
  },
  {
    name: 'values converge, whatever is set and deleted at the same time',
    needs: ['values'],
    async run(nodes) {
      const { here, there } = nodes;
      await watched(nodes, async (_, have) => {
        const work: Promise<unknown>[] = [];
        for (let i = 0; i < 200; i++) {
          const log = i % 3 === 0 ? here : there;
          const key = `k${(i * 7) % 10}`;
          if (i % 11 === 5) work.push(unset(log, key));
          else if (i % 50 === 49) partOf(log, 'values').end('t', 'ada');
          else work.push(set(log, key, String(i), { owner: i % 4 === 0 ? 'ada' : undefined }));
        }
        await Promise.all(work);
        // what their end removes, too
        await nodes.clock.advance(1_000);
        const expected = await read(here);
        await have(expected);
        assert.equal(await read(there), expected);
      });
    },
  },
  {
    name: 'the values of a crashed node are hidden within fifteen seconds, and come back with it if it was only away',
    needs: ['values'],
    isCrash: true,
    async run(nodes) {
      const { here, there } = nodes;
      await watched(nodes, async ([watch], have) => {
        await set(there, 'a', '1', { owner: 'ada' });
        await set(there, 'b', '1');
        await have('a=1 b=1');
        const crashedAt = nodes.clock.now();
        await nodes.untilAlone(() => watch.text === 'b=1', 'its values are hidden');
        const after = nodes.clock.now() - crashedAt;
        assert.ok(after > 5_000 && after <= 15_000, `hidden after ${after} ms`);
        assert.equal(await read(here), 'b=1');
        await have('a=1 b=1');
        await set(here, 'a', '2');
        await have('a=2 b=1');
      });
    },
  },
  {
    name: 'a node that comes after a crash does not see the values of the crashed one, and sets them again',
    needs: ['values'],
    isCrash: true,
    async run(nodes) {
      const { here, there } = nodes;
      for (const key of ['a', 'b']) await set(there, key, '1', { owner: 'ada' });
      const crashedAt = nodes.clock.now();
      await nodes.untilAlone(async () => (await read(here)) === '', 'its values are hidden');
      assert.ok(nodes.clock.now() - crashedAt <= 15_000);
      const watch = await Watch.of(here);
      await set(here, 'a', '2', { owner: 'bob' });
      await nodes.untilAlone(() => watch.text === 'a=2', 'it is set again');
      assert.deepEqual(watch.changes, ['a=2']);
      watch.end();
    },
  },
];
