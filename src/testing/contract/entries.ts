import assert from 'node:assert/strict';
import { bytesOf, textOf, type ContractTest } from './nodes-under-test.ts';

/** What a log promises of messages. */
export const entryTests: readonly ContractTest[] = [
  {
    name: 'gives each entry the next offset of its thread, from 1, in the order of the calls',
    async run(nodes) {
      const drafts = ['a', 'b', 'c', 'd'].map((id) => nodes.draft(id));
      const appended = await Promise.all(drafts.map(async (draft) => nodes.here.append(draft)));
      assert.deepEqual(
        appended.map(({ entry, isDuplicate }) => [entry.id, entry.offset, isDuplicate]),
        [
          ['a', 1, false],
          ['b', 2, false],
          ['c', 3, false],
          ['d', 4, false],
        ],
      );
      const other = await nodes.append(nodes.here, 'a', { threadId: 'other' });
      assert.deepEqual([other.entry.offset, other.isDuplicate], [1, false]);
    },
  },
  {
    name: 'keeps what the draft says, and the time of the append, for all nodes',
    async run(nodes) {
      const expiresAt = nodes.clock.now() + 50_000;
      const facts = { lane: 'critical', key: 'k', except: 'e', isShared: true, expiresAt } as const;
      await nodes.append(nodes.here, 'a', { ...facts, text: '{"text":"ä\\n"}' });
      const seen = [];
      for (const log of [nodes.here, nodes.there]) {
        const [entry] = await log.readAfter('t', 0, 1);
        if (entry === undefined) return assert.fail('it cannot be read');
        const { id, threadId, offset, lane, key, except, isShared, kind, at } = entry;
        assert.deepEqual(
          { id, threadId, offset, lane, key, except, isShared, kind, text: textOf(entry) },
          {
            id: 'a',
            threadId: 't',
            offset: 1,
            lane: 'critical',
            key: 'k',
            except: 'e',
            isShared: true,
            kind: 'message',
            text: '{"text":"ä\\n"}',
          },
        );
        assert.ok(Number.isSafeInteger(at));
        assert.ok(Math.abs(entry.expiresAt - expiresAt) < 5_000);
        seen.push(at);
      }
      assert.equal(seen[0], seen[1]);
      return undefined;
    },
  },
  {
    name: 'answers a known id with the entry from before, on every node, and appends nothing',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b');
      for (const log of [nodes.here, nodes.there]) {
        const { entry, isDuplicate } = await nodes.append(log, 'a', { text: '"another"' });
        assert.deepEqual([entry.id, entry.offset, isDuplicate], ['a', 1, true]);
      }
      assert.equal(await nodes.read(nodes.there), 'a is "a", b is "b"');
    },
  },
  {
    name: 'says the epoch with an append to a thread without a reader, if it promises that',
    async run(nodes) {
      if (nodes.here.appendsUnread !== true) return;
      for (const id of ['a', 'b', 'a']) {
        const { epoch } = await nodes.append(nodes.here, id);
        assert.equal(epoch, (await nodes.there.position('t')).epoch);
      }
    },
  },
  {
    name: 'keeps messages of any size',
    async run(nodes) {
      const text = JSON.stringify('x'.repeat(300_000));
      await nodes.append(nodes.here, 'big', { text });
      assert.equal(await nodes.read(nodes.there), `big is ${text}`);
    },
  },
  {
    name: 'keeps messages of any bytes, which begin with a zero, and their edits',
    async run(nodes) {
      const small = Uint8Array.from({ length: 513 }, (_, i) => i);
      const big = Uint8Array.from({ length: 300_001 }, (_, i) => (i * i) >> 3);
      big[0] = 0;
      await nodes.append(nodes.here, 'small', { bytes: small });
      await nodes.append(nodes.here, 'big', { bytes: big });
      await nodes.append(nodes.here, 'text');
      for (const [target, bytes] of Object.entries({ text: big, big: small }))
        await nodes.append(nodes.there, `${target}.2`, { kind: 'replace', target, bytes });
      await nodes.append(nodes.there, 'small.2', { kind: 'replace', target: 'small', text: '"no bytes"' });
      for (const log of [nodes.here, nodes.there]) {
        const [first, ...others] = await log.readAfter('t', 0, 3);
        assert.equal(first && textOf(first), '"no bytes"');
        assert.deepEqual(
          others.map((entry) => [entry.id, bytesOf(entry)]),
          [
            ['big', small],
            ['text', big],
          ],
        );
      }
    },
  },
  {
    name: 'reads after an offset, oldest first, at most so many; an unknown thread is empty',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b c d');
      for (const log of [nodes.here, nodes.there]) {
        assert.equal(await nodes.read(log, 1, 2), 'b is "b", c is "c"');
        assert.equal(await nodes.read(log, 4), '');
        assert.equal(await nodes.read(log, 99), '');
        assert.deepEqual(await log.readAfter('unused', 0, 10), []);
      }
    },
  },
  {
    name: 'reads pages before an offset, from the end',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b c d');
      const page = async (before: number, limit = 10, maxBytes = Infinity): Promise<unknown> => {
        const { entries, hasOlder, position } = await nodes.there.readBefore('t', before, limit, maxBytes);
        return [entries.map(({ id }) => id).join(' '), hasOlder, position.offset];
      };
      assert.deepEqual(await page(Infinity), ['a b c d', false, 4]);
      assert.deepEqual(await page(Infinity, 2), ['c d', true, 4]);
      assert.deepEqual(await page(3), ['a b', false, 4]);
      assert.deepEqual(await page(1), ['', false, 4]);
      assert.deepEqual(await page(Infinity, 10, 1), ['d', true, 4]);
      const { entries, hasOlder } = await nodes.there.readBefore('unused', Infinity, 10, 1);
      assert.deepEqual([entries, hasOlder], [[], false]);
    },
  },
  {
    name: 'leaves out what was superseded or has expired',
    async run(nodes) {
      await nodes.append(nodes.here, 'old', { key: 'k' });
      await nodes.append(nodes.here, 'brief', { expiresAt: nodes.clock.now() + 100 });
      await nodes.append(nodes.here, 'new', { key: 'k' });
      assert.equal(await nodes.read(nodes.here), 'brief is "brief", new is "new"');
      await nodes.clock.advance(10_000);
      assert.equal(await nodes.read(nodes.here), 'new is "new"');
    },
  },
  {
    name: 'has a position for each thread, with an epoch that stays',
    async run(nodes) {
      const empty = await nodes.here.position('t');
      assert.deepEqual([empty.offset, empty.id], [0, '']);
      assert.match(empty.epoch, /^[\w-]{1,64}$/);
      await nodes.appendAll(nodes.here, 'a b');
      for (const log of [nodes.here, nodes.there])
        assert.deepEqual(await log.position('t'), { epoch: empty.epoch, offset: 2, id: 'b' });
      assert.notEqual((await nodes.here.position('other')).epoch, empty.epoch);
    },
  },
  {
    name: 'reports each entry once, in order, after it can be read, to the subscribers of all nodes',
    async run(nodes) {
      const [here, there] = [await nodes.hold(nodes.here), await nodes.hold(nodes.there)];
      for (let i = 0; i < 10; i++) await nodes.append(i % 2 === 0 ? nodes.here : nodes.there, `m${i}`);
      await nodes.append(nodes.here, 'elsewhere', { threadId: 'other' });
      await nodes.until(() => here.ids.length >= 10 && there.ids.length >= 10, 'both have heard of all entries');
      const expected = Array.from({ length: 10 }, (_, i) => `m${i}`);
      for (const { ids, subscription, entries } of [here, there]) {
        assert.deepEqual(ids, expected);
        const { tail } = subscription;
        assert.deepEqual([tail.head, tail.headId], [10, 'm9']);
        for (const entry of entries) assert.equal(tail.at(entry.offset), entry);
        subscription.unsubscribe();
        subscription.unsubscribe();
      }
      await nodes.append(nodes.here, 'late');
      assert.deepEqual([here.ids.length, there.ids.length], [10, 10]);
    },
  },
  {
    name: 'a tail reaches back to what was there before, and finds the critical entries',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b');
      await nodes.append(nodes.here, 'c', { lane: 'critical' });
      const { subscription } = await nodes.hold(nodes.there);
      await subscription.reach?.('start');
      const { tail } = subscription;
      assert.deepEqual(
        [0, 1, 2, 3, 4].map((offset) => tail.at(offset)?.id),
        [undefined, 'a', 'b', 'c', undefined],
      );
      assert.deepEqual([tail.criticalAfter(0), tail.criticalAfter(3), tail.criticalCountAfter(0)], [3, undefined, 1]);
      assert.equal(tail.byId?.('b') ?? tail.at(2), tail.at(2));
    },
  },
  {
    name: 'erases a thread on all nodes: nothing can be read, and it begins anew',
    needs: ['erase'],
    async run(nodes) {
      const [here, there] = [await nodes.hold(nodes.here), await nodes.hold(nodes.there)];
      await nodes.appendAll(nodes.here, 'a b');
      const { epoch } = await nodes.here.position('t');
      await nodes.until(() => there.ids.length === 2, 'the other node has both');
      await nodes.here.erase?.('t');
      await nodes.until(() => here.resets.length > 0 && there.resets.length > 0, 'both nodes have heard of it');
      for (const { resets } of [here, there]) assert.equal(resets[0]?.why, 'deleted');
      for (const log of [nodes.here, nodes.there]) assert.equal(await nodes.read(log), '');
      const again = await nodes.append(nodes.there, 'a');
      assert.deepEqual([again.isDuplicate, again.entry.offset], [false, 1]);
      assert.notEqual((await nodes.here.position('t')).epoch, epoch);
    },
  },
];
