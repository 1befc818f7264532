import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBody, type DeliveryLog } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { untilInTime } from '../support/redis-nodes.ts';
import type { PairFactory } from './log-factory.ts';

/** What every delivery log promises of that which its processes know of each other. */
export function nodesContract(makePair: PairFactory, canCrash: boolean): void {
  describe('between two nodes', () => {
    let clock: VirtualClock;
    let otherClock: VirtualClock;
    let here: CompleteLog;
    let there: CompleteLog;

    beforeEach(async () => {
      clock = new VirtualClock();
      otherClock = new VirtualClock();
      const [one, other] = await makePair(clock, otherClock);
      here = complete(one);
      there = complete(other);
      // both are connected, and have reported that they are alive
      await Promise.all([here.position('t'), there.position('t')]);
      await Promise.all([here.presence.list('t'), there.presence.list('t')]);
    });

    afterEach(async () => {
      await Promise.all([here.close(), there.close()]);
    });

    const members = async (log: CompleteLog, threadId = 't'): Promise<string> =>
      [...(await log.presence.list(threadId))].toSorted().join(' ');

    /** Until the node lists these. */
    const listed = async (log: CompleteLog, expected: string): Promise<void> =>
      untilInTime(
        clock,
        async () => {
          await otherClock.advance(100);
          return (await members(log)) === expected;
        },
        100,
      );

    describe('notices', () => {
      it('are entries of a thread: each comes once, in order, also to who subscribes later', async () => {
        const seen: string[] = [];
        const append = async (id: string): Promise<void> => {
          const body = makeBody([Buffer.from(`"${id}"`)]);
          await here.append({ threadId: '~nodes', id, lane: 'normal', body, expiresAt: Infinity });
        };
        await append('a');
        const subscription = await there.subscribe('~nodes', ({ id }) => void seen.push(id));
        await subscription.reach?.('start');
        expect(subscription.tail.at(1)?.id).toBe('a');
        for (const id of ['b', 'c', 'd']) await append(id);
        await untilInTime(clock, () => seen.length === 3, 100);
        expect(seen).toEqual(['b', 'c', 'd']);
        subscription.unsubscribe();
      });
    });

    describe('presence', () => {
      it('lists the members of all nodes, each once', async () => {
        here.presence.add('t', 'ada');
        here.presence.add('t', 'bob with a space');
        there.presence.add('t', 'ada');
        there.presence.add('t', 'cy');
        there.presence.add('other', 'dan');
        await listed(here, 'ada bob with a space cy');
        await listed(there, 'ada bob with a space cy');
        expect(await members(here, 'nobody')).toBe('');
      });

      it('has this node’s own members at once, and without those that were removed', async () => {
        here.presence.add('t', 'ada');
        here.presence.add('t', 'ada');
        here.presence.add('t', 'bob');
        expect(await members(here)).toBe('ada bob');
        here.presence.remove('t', 'ada');
        here.presence.remove('t', 'never there');
        expect(await members(here)).toBe('bob');
      });

      it('keeps a member that another node has as well', async () => {
        here.presence.add('t', 'ada');
        there.presence.add('t', 'ada');
        await listed(there, 'ada');
        here.presence.remove('t', 'ada');
        await listed(here, 'ada');
        there.presence.remove('t', 'ada');
        await listed(here, '');
        expect(await members(there)).toBe('');
      });

      it('holds many members', async () => {
        const names = Array.from({ length: 1_500 }, (_, i) => `user-${i}`);
        for (const name of names) there.presence.add('t', name);
        await untilInTime(clock, async () => (await here.presence.list('t')).length === names.length, 100);
        expect(new Set(await here.presence.list('t'))).toEqual(new Set(names));
      });

      it('forgets the members of a node that has closed its log', async () => {
        there.presence.add('t', 'ada');
        await listed(here, 'ada');
        if (canCrash) await there.close();
        else there.presence.remove('t', 'ada');
        await untilInTime(clock, async () => (await members(here)) === '', 100);
        expect(clock.now()).toBeLessThan(5_000);
      });
    });

    describe('answers', () => {
      it('are remembered on all nodes, the first one of a key, for ten minutes', async () => {
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'claimed' });
        expect(await there.answers.claim('t', 'k')).toEqual({ is: 'pending' });
        const answer = JSON.stringify({ text: 'ä \n'.repeat(20_000) });
        await here.answers.answer('t', 'k', answer);
        await here.answers.answer('t', 'k', 'another');
        for (const log of [here, there]) expect(await log.answers.claim('t', 'k')).toEqual({ is: 'answered', answer });
        expect(await there.answers.claim('t', 'l')).toEqual({ is: 'claimed' });
        expect(await there.answers.claim('other', 'k')).toEqual({ is: 'claimed' });
        await clock.advance(599_000);
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'answered', answer });
        await clock.advance(2_000);
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'claimed' });
      });

      it('may be empty', async () => {
        await here.answers.claim('t', 'k');
        await here.answers.answer('t', 'k', '');
        expect(await there.answers.claim('t', 'k')).toEqual({ is: 'answered', answer: '' });
      });

      it('are claimed again by the node that has the claim', async () => {
        await here.answers.claim('t', 'k');
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'claimed' });
      });

      it('leave the key to others where the claim is given up', async () => {
        await here.answers.claim('t', 'k');
        await there.answers.release('t', 'k');
        expect(await there.answers.claim('t', 'k')).toEqual({ is: 'pending' });
        await here.answers.release('t', 'k');
        expect(await there.answers.claim('t', 'k')).toEqual({ is: 'claimed' });
        await there.answers.answer('t', 'k', 'done');
        await there.answers.release('t', 'k');
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'answered', answer: 'done' });
      });

      it('go with the thread that is erased', async () => {
        await here.answers.claim('t', 'k');
        await here.answers.answer('t', 'k', 'secret');
        await here.erase('t');
        expect(await there.answers.claim('t', 'k')).toEqual({ is: 'claimed' });
      });

      it('forget what is too old, however many there are', async () => {
        for (let i = 0; i < 50; i++) await here.answers.claim('t', `old-${i}`);
        await clock.advance(601_000);
        for (let i = 0; i < 50; i++) await here.answers.claim('t', `new-${i}`);
        for (let i = 0; i < 50; i++) {
          expect(await here.answers.claim('t', `old-${i}`)).toEqual({ is: 'claimed' });
          await here.answers.answer('t', `new-${i}`, 'known');
        }
        for (let i = 0; i < 50; i++)
          expect(await here.answers.claim('t', `new-${i}`)).toEqual({ is: 'answered', answer: 'known' });
      });
    });

    // the other node stops where its clock stands still: it does not report any more that it is alive
    describe.runIf(canCrash)('a node that has crashed', () => {
      it('counts for ten seconds, and not after fifteen', async () => {
        there.presence.add('t', 'ada');
        await listed(here, 'ada');
        const crashedAt = clock.now();
        await untilInTime(clock, async () => (await members(here)) === '', 100);
        expect(clock.now() - crashedAt).toBeGreaterThan(5_000);
        expect(clock.now() - crashedAt).toBeLessThan(15_000);
        // it was only away
        await otherClock.advance(clock.now() - otherClock.now());
        await listed(here, 'ada');
      });

      it('leaves its claims to the next', async () => {
        await there.answers.claim('t', 'k');
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'pending' });
        await untilInTime(clock, async () => (await here.answers.claim('t', 'k')).is === 'claimed', 100);
        expect(clock.now()).toBeLessThan(15_000);
        await there.answers.answer('t', 'k', 'late');
        expect(await here.answers.claim('t', 'k')).toEqual({ is: 'answered', answer: 'late' });
      });
    });
  });
}

type CompleteLog = DeliveryLog & {
  readonly [Part in 'presence' | 'answers' | 'erase']-?: NonNullable<DeliveryLog[Part]>;
};

/** @throws where the log lacks a part of the port */
function complete(log: DeliveryLog): CompleteLog {
  return isComplete(log) ? log : expect.fail('the log lacks a part of the port');
}

const isComplete = (log: DeliveryLog): log is CompleteLog =>
  log.presence !== undefined && log.answers !== undefined && log.erase !== undefined;
