import assert from 'node:assert/strict';
import type { DeliveryLog } from '../../api/log.ts';
import { partOf, type ContractTest, type NodesUnderTest } from './nodes-under-test.ts';

const members = async (log: DeliveryLog): Promise<string> =>
  [...(await partOf(log, 'presence').list('t'))].toSorted().join(' ');

const listed = (nodes: NodesUnderTest, log: DeliveryLog, expected: string): Promise<void> =>
  nodes.until(async () => (await members(log)) === expected, `the members are ${expected}`);

const ANSWERED_MS = 600_000;

/** What a log promises of what its nodes tell each other. */
export const nodeTests: readonly ContractTest[] = [
  {
    name: 'a notice reaches the subscribers of all nodes, once and in order, also those that come later; no reader gets it',
    async run(nodes) {
      const held = await nodes.hold(nodes.there);
      const notice = { kind: 'notice', expiresAt: -Infinity } as const;
      await nodes.append(nodes.here, 'n1', notice);
      await nodes.append(nodes.here, 'm');
      await nodes.append(nodes.here, 'n2', notice);
      await nodes.until(() => held.ids.length >= 3, 'all three have come');
      assert.deepEqual(held.ids, ['n1', 'm', 'n2']);
      assert.deepEqual(
        held.entries.map(({ kind }) => kind),
        ['notice', 'message', 'notice'],
      );
      for (const log of [nodes.here, nodes.there]) assert.equal(await nodes.read(log), 'm is "m"');
      const late = await nodes.hold(nodes.here);
      await late.subscription.reach?.('start');
      assert.equal(late.subscription.tail.at(3)?.kind, 'notice');
    },
  },
  {
    name: 'a page of a thread that a node holds has what another node has appended, and so have pages before and after that',
    async run(nodes) {
      await nodes.hold(nodes.there);
      for (let n = 1; n <= 20; n++) {
        const id = `m${n}`;
        const { entry } = await nodes.append(nodes.here, id);
        const [newest, before] = await Promise.all([
          nodes.there.readBefore('t', Infinity, 1, 1_000_000),
          nodes.there.readBefore('t', entry.offset + 1, 1, 1_000_000),
        ]);
        for (const { position, entries } of [newest, before]) {
          assert.equal(position.offset, entry.offset);
          assert.deepEqual(
            entries.map((each) => each.id),
            [id],
          );
        }
      }
    },
  },
  {
    name: 'what a node passes to notify reaches the subscribers of the others, in order, and is in no log',
    needs: ['notify'],
    async run(nodes) {
      const [here, there] = [await nodes.hold(nodes.here), await nodes.hold(nodes.there)];
      await nodes.append(nodes.here, 'a');
      await nodes.until(() => there.ids.length === 1, 'the nodes hear each other');
      for (const note of ['1', '2', 'ä\n']) partOf(nodes.here, 'notify').call(nodes.here, 't', note);
      await nodes.until(() => there.notes.length >= 3, 'the notes have come');
      assert.deepEqual([there.notes, here.notes], [['1', '2', 'ä\n'], []]);
      assert.equal((await nodes.here.position('t')).offset, 1);
    },
  },
  {
    name: 'presence lists the members of all nodes, each once, and its own at once',
    needs: ['presence'],
    async run(nodes) {
      const [here, there] = [partOf(nodes.here, 'presence'), partOf(nodes.there, 'presence')];
      here.add('t', 'ada');
      here.add('t', 'bob with a space');
      assert.equal(await members(nodes.here), 'ada bob with a space');
      there.add('t', 'ada');
      there.add('other', 'cy');
      await listed(nodes, nodes.there, 'ada bob with a space');
      here.remove('t', 'ada');
      here.remove('t', 'never there');
      await listed(nodes, nodes.here, 'ada bob with a space');
      there.remove('t', 'ada');
      await listed(nodes, nodes.here, 'bob with a space');
      await listed(nodes, nodes.there, 'bob with a space');
    },
  },
  {
    name: 'an answer is remembered on all nodes for ten minutes, the first one of a key',
    needs: ['answers'],
    async run(nodes) {
      const [here, there] = [partOf(nodes.here, 'answers'), partOf(nodes.there, 'answers')];
      assert.deepEqual(await here.claim('t', 'k'), { is: 'claimed' });
      assert.deepEqual(await here.claim('t', 'k'), { is: 'claimed' });
      assert.deepEqual(await there.claim('t', 'k'), { is: 'pending' });
      const answer = JSON.stringify('ä\n'.repeat(10_000));
      await here.answer('t', 'k', answer);
      await here.answer('t', 'k', 'another');
      for (const answers of [here, there]) assert.deepEqual(await answers.claim('t', 'k'), { is: 'answered', answer });
      assert.deepEqual(await there.claim('other', 'k'), { is: 'claimed' });
      await nodes.clock.advance(ANSWERED_MS + 1_000);
      assert.deepEqual(await here.claim('t', 'k'), { is: 'claimed' });
    },
  },
  {
    name: 'a claim that is given up is for the next; only its own node gives it up',
    needs: ['answers'],
    async run(nodes) {
      const [here, there] = [partOf(nodes.here, 'answers'), partOf(nodes.there, 'answers')];
      await here.claim('t', 'k');
      await there.release('t', 'k');
      assert.deepEqual(await there.claim('t', 'k'), { is: 'pending' });
      await here.release('t', 'k');
      assert.deepEqual(await there.claim('t', 'k'), { is: 'claimed' });
      await there.answer('t', 'k', '');
      await there.release('t', 'k');
      assert.deepEqual(await here.claim('t', 'k'), { is: 'answered', answer: '' });
    },
  },
  {
    name: 'remembered answers go with the thread that is erased',
    needs: ['answers', 'erase'],
    async run(nodes) {
      await partOf(nodes.here, 'answers').claim('t', 'k');
      await partOf(nodes.here, 'answers').answer('t', 'k', 'secret');
      await nodes.here.erase?.('t');
      assert.deepEqual(await partOf(nodes.there, 'answers').claim('t', 'k'), { is: 'claimed' });
    },
  },
  {
    name: 'the members of a crashed node count for fifteen seconds at most',
    needs: ['presence'],
    isCrash: true,
    async run(nodes) {
      partOf(nodes.there, 'presence').add('t', 'ada');
      await listed(nodes, nodes.here, 'ada');
      const crashedAt = nodes.clock.now();
      await nodes.untilAlone(async () => (await members(nodes.here)) === '', 'the crashed node has no members');
      assert.ok(nodes.clock.now() - crashedAt <= 15_000);
    },
  },
  {
    name: 'the claims of a crashed node are for the next, within fifteen seconds',
    needs: ['answers'],
    isCrash: true,
    async run(nodes) {
      await partOf(nodes.there, 'answers').claim('t', 'k');
      const claim = async (): Promise<boolean> =>
        (await partOf(nodes.here, 'answers').claim('t', 'k')).is === 'claimed';
      assert.equal(await claim(), false);
      const crashedAt = nodes.clock.now();
      await nodes.untilAlone(claim, 'the claim is void');
      assert.ok(nodes.clock.now() - crashedAt <= 15_000);
    },
  },
];
