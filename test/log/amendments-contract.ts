import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnknownMessageError, makeBody, type DeliveryLog, type Entry, type LogSubscription } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import type { LogFactory, LogLimits } from './log-factory.ts';

interface Facts {
  readonly target?: string;
  readonly kind?: 'replace' | 'remove';
  readonly except?: string;
  readonly bytes?: number;
}

const textOf = ({ body }: Entry): string => Buffer.concat(body.chunks).toString();

/** What every delivery log promises of edits and removals. */
export function amendmentsContract(makeLog: LogFactory): void {
  describe('edits and removals', () => {
    let clock: VirtualClock;
    let log: DeliveryLog;
    let frees: Map<string, number>;

    const make = async (limits: LogLimits = {}): Promise<void> => {
      log = await makeLog({ ...limits, clock });
    };

    const append = async (id: string, facts: Facts = {}): Promise<Entry> => {
      const { bytes = 0, kind, target, except } = facts;
      const chunks = kind === 'remove' ? [] : [Buffer.from(JSON.stringify(`${id} ${'x'.repeat(bytes)}`))];
      const body = makeBody(chunks, () => void frees.set(id, (frees.get(id) ?? 0) + 1));
      frees.set(id, 0);
      const { entry } = await log.append({
        threadId: 't',
        id,
        lane: 'normal',
        body,
        expiresAt: Infinity,
        kind,
        target,
        except,
      });
      return entry;
    };

    const subscribe = async (): Promise<LogSubscription> => log.subscribe('t', () => {});

    /** What is read of the thread, and in which version. */
    const read = async (): Promise<string[]> =>
      (await log.readAfter('t', 0, 100)).map((entry) => `${entry.id} is ${textOf(entry).trim()}`);

    beforeEach(async () => {
      clock = new VirtualClock();
      frees = new Map();
      await make();
    });

    afterEach(async () => {
      await log.close();
      for (const [id, times] of frees) expect([id, times]).toEqual([id, 1]);
    });

    for (const where of ['here', 'elsewhere'] as const) {
      describe(`held ${where}`, () => {
        beforeEach(async () => {
          if (where === 'here') await subscribe();
        });

        it('an edit takes the place of its message, and has one of its own', async () => {
          for (const id of ['a', 'b']) await append(id);
          const edit = await append('a2', { kind: 'replace', target: 'a' });
          expect([edit.offset, edit.kind, edit.target]).toEqual([3, 'replace', 'a']);
          expect(await read()).toEqual(['a is "a2 "', 'b is "b "']);
          const position = await log.position('t');
          expect([position.offset, position.id]).toEqual([3, 'a2']);
        });

        it('who does not get the message does not get its newer version', async () => {
          await append('a', { except: 'e' });
          await append('a2', { kind: 'replace', target: 'a' });
          expect((await log.readAfter('t', 0, 100)).map(({ id, except }) => [id, except])).toEqual([['a', 'e']]);
          const { tail } = await subscribe();
          // a log that is elsewhere need not hold it
          expect(tail.at(2)?.except ?? 'e').toBe('e');
        });

        it('the newest edit counts', async () => {
          await append('a');
          await append('a2', { kind: 'replace', target: 'a' });
          await append('b');
          await append('a3', { kind: 'replace', target: 'a', bytes: 10 });
          expect(await read()).toEqual([`a is "a3 ${'x'.repeat(10)}"`, 'b is "b "']);
        });

        it('a removal leaves nothing of a message and its edits', async () => {
          await append('a');
          await append('a2', { kind: 'replace', target: 'a' });
          await append('b');
          const removal = await append('d', { kind: 'remove', target: 'a' });
          expect([removal.offset, removal.kind, removal.target, removal.body.bytes]).toEqual([4, 'remove', 'a', 0]);
          expect(await read()).toEqual(['b is "b "']);
        });

        it('large versions in any order', async () => {
          await append('a', { bytes: 200_000 });
          await append('a2', { kind: 'replace', target: 'a' });
          expect(await read()).toEqual(['a is "a2 "']);
          await append('a3', { kind: 'replace', target: 'a', bytes: 300_000 });
          expect(await read()).toEqual([`a is "a3 ${'x'.repeat(300_000)}"`]);
          await append('d', { kind: 'remove', target: 'a' });
          expect(await read()).toEqual([]);
        });

        it('what the log does not hold is TC_UNKNOWN_MESSAGE, and nothing is appended', async () => {
          await append('a');
          await append('a2', { kind: 'replace', target: 'a' });
          await append('b');
          await append('d', { kind: 'remove', target: 'b' });
          for (const target of ['nothing', 'b', 'a2', 'd']) {
            await expect(append('e', { kind: 'replace', target, bytes: 100_000 })).rejects.toThrow(UnknownMessageError);
            await expect(append('f', { kind: 'remove', target })).rejects.toThrow(UnknownMessageError);
          }
          expect((await log.position('t')).offset).toBe(4);
          expect(await read()).toEqual(['a is "a2 "']);
        });

        it('what has been trimmed is TC_UNKNOWN_MESSAGE, and its edit is no message', async () => {
          await log.close();
          await make({ maxEntries: 3 });
          if (where === 'here') await subscribe();
          await append('a');
          await append('a2', { kind: 'replace', target: 'a' });
          await append('b');
          await append('c');
          expect(await read()).toEqual(['b is "b "', 'c is "c "']);
          await expect(append('a3', { kind: 'replace', target: 'a' })).rejects.toThrow(UnknownMessageError);
        });

        it('an id stays known after its removal', async () => {
          await append('a');
          await append('d', { kind: 'remove', target: 'a' });
          const body = makeBody([Buffer.from('"again"')]);
          const draft = { threadId: 't', id: 'a', lane: 'normal' as const, body, expiresAt: Infinity };
          expect((await log.append(draft)).isDuplicate).toBe(true);
          expect(await read()).toEqual([]);
        });
      });
    }

    it('a tail holds the newest version in the place of the message, and gives the former one back', async () => {
      const { tail } = await subscribe();
      const first = await append('a');
      const edit = await append('a2', { kind: 'replace', target: 'a' });
      const held = tail.at(1);
      expect([first.isSuperseded, frees.get('a'), edit.targetOffset]).toEqual([true, 1, 1]);
      expect([held?.id, held?.isEdited, held && textOf(held)]).toEqual(['a', true, '"a2 "']);
      expect(tail.byId?.('a')).toBe(held);
      await append('a3', { kind: 'replace', target: 'a' });
      expect([frees.get('a2'), tail.at(2)?.isSuperseded]).toEqual([1, true]);
      await append('d', { kind: 'remove', target: 'a' });
      expect([frees.get('a3'), tail.at(1)?.isSuperseded, tail.at(3)?.isSuperseded]).toEqual([1, true, true]);
      expect([tail.first, tail.head]).toEqual([1, 4]);
    });

    it('erases a thread: its entries are gone, and it begins anew with another epoch', async () => {
      const resets: unknown[] = [];
      const { tail } = await log.subscribe(
        't',
        () => {},
        () => {},
        (reset) => void resets.push(reset),
      );
      for (const id of ['a', 'b']) await append(id, { bytes: id === 'b' ? 100_000 : 0 });
      await append('a2', { kind: 'replace', target: 'a' });
      const { epoch } = await log.position('t');
      await log.erase?.('t');
      expect([await read(), resets, [tail.first, tail.head]]).toEqual([[], [{ why: 'deleted', after: 0 }], [1, 0]]);
      expect([...frees.values()]).toEqual([1, 1, 1]);
      const position = await log.position('t');
      expect([position.epoch === epoch, position.epoch === tail.epoch, position.offset]).toEqual([false, true, 0]);
      // its ids are not known any more
      expect((await append('a')).offset).toBe(1);
      expect(await read()).toEqual(['a is "a "']);
      await log.erase?.('t');
      await log.erase?.('never used');
      expect([await read(), resets.length]).toEqual([[], 2]);
    });

    it('older entries come in their newest version', async () => {
      for (const id of ['a', 'b', 'c']) await append(id);
      await append('a2', { kind: 'replace', target: 'a' });
      await append('d', { kind: 'remove', target: 'b' });
      const subscription = await subscribe();
      const { tail } = subscription;
      await append('c2', { kind: 'replace', target: 'c' });
      await subscription.reach?.('start');
      const texts = [1, 2, 3].map((offset) => {
        const entry = tail.at(offset);
        return entry?.isDeliverable(0) === true ? `${entry.id} is ${textOf(entry)}` : undefined;
      });
      expect(texts).toEqual(['a is "a2 "', undefined, 'c is "c2 "']);
      expect([tail.at(1)?.isEdited, tail.at(4)?.targetOffset, tail.at(6)?.targetOffset]).toEqual([true, 1, 3]);
    });
  });
}
