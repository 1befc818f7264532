import assert from 'node:assert/strict';
import { UnknownMessageError } from '../../infra/errors.ts';
import { textOf, type ContractTest } from './nodes-under-test.ts';

const replace = (target: string, text?: string) => ({ kind: 'replace', target, ...(text && { text }) }) as const;
const remove = (target: string) => ({ kind: 'remove', target, text: '' }) as const;

/** What a log promises of edits and removals. */
export const editTests: readonly ContractTest[] = [
  {
    name: 'an edit has an offset of its own, and takes the place of its message for all who read it later',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b');
      const { entry } = await nodes.append(nodes.there, 'a2', replace('a'));
      assert.deepEqual([entry.offset, entry.kind, entry.target], [3, 'replace', 'a']);
      await nodes.append(nodes.here, 'a3', replace('a', JSON.stringify('x'.repeat(100_000))));
      await nodes.append(nodes.here, 'a4', replace('a'));
      for (const log of [nodes.here, nodes.there]) {
        assert.equal(await nodes.read(log), 'a is "a4", b is "b"');
        const { entries } = await log.readBefore('t', Infinity, 10, Infinity);
        assert.deepEqual(
          entries.map(({ id }) => id),
          ['a', 'b'],
        );
        assert.deepEqual([entries[0]?.offset, (await log.position('t')).offset], [1, 5]);
      }
    },
  },
  {
    name: 'a removal leaves nothing of a message and its edits; its id stays known',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b');
      await nodes.append(nodes.here, 'a2', replace('a'));
      const { entry } = await nodes.append(nodes.there, 'gone', remove('a'));
      assert.deepEqual([entry.offset, entry.kind, entry.target, entry.body.bytes], [4, 'remove', 'a', 0]);
      for (const log of [nodes.here, nodes.there]) assert.equal(await nodes.read(log), 'b is "b"');
      assert.equal((await nodes.append(nodes.here, 'a')).isDuplicate, true);
    },
  },
  {
    name: 'what the log does not hold as a message is an UnknownMessageError, and nothing is appended',
    async run(nodes) {
      await nodes.appendAll(nodes.here, 'a b');
      await nodes.append(nodes.here, 'a2', replace('a'));
      await nodes.append(nodes.here, 'gone', remove('b'));
      for (const target of ['never', 'b', 'a2', 'gone'])
        for (const facts of [replace(target), remove(target)])
          for (const log of [nodes.here, nodes.there])
            await assert.rejects(async () => nodes.append(log, 'x', facts), UnknownMessageError);
      assert.equal((await nodes.here.position('t')).offset, 4);
    },
  },
  {
    name: 'the subscribers of all nodes hold the newest version in the place of the message, and give the former one back',
    async run(nodes) {
      const [here, there] = [await nodes.hold(nodes.here), await nodes.hold(nodes.there)];
      await nodes.append(nodes.here, 'a', { except: 'e' });
      await nodes.append(nodes.here, 'a2', replace('a'));
      await nodes.until(() => there.ids.length >= 2, 'the other node has the edit');
      for (const { subscription, entries } of [here, there]) {
        const held = subscription.tail.at(1);
        assert.deepEqual([held?.id, held?.isEdited, held && textOf(held)], ['a', true, '"a2"']);
        const [message, edit] = entries;
        assert.deepEqual([message?.isSuperseded, edit?.targetOffset, edit?.except], [true, 1, 'e']);
      }
      await nodes.append(nodes.there, 'gone', remove('a'));
      await nodes.until(() => here.ids.length >= 3, 'this node has the removal');
      for (const { subscription } of [here, there]) assert.ok(subscription.tail.at(1)?.isSuperseded ?? true);
    },
  },
];
