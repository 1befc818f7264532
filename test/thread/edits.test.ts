import { afterEach, describe, expect, it } from 'vitest';
import { InvalidOptionError, memoryLog, UnknownMessageError, type Connection } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

/** What a client was given: `id data`, `id of data` for a new version, `-id` for the end of one. */
function story(link: FakeLink): string[] {
  return link.messages.filter(isRecord).flatMap((frame) => {
    const { t, th } = frame;
    if (th !== 't') return [];
    const [id = '', re, d = ''] = ['id', 're', 'd'].map((field) => textOf(frame[field]));
    if (t === 'removed') return [`-${re}`];
    if (t === 'msg') return [re === undefined ? `${id} ${d}` : `${re} is now ${d}`];
    return t === 'gap' ? ['gap'] : [];
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

async function join(
  from?: string,
  format: 'json' | 'plain' = 'json',
): Promise<{ link: FakeLink; connection: Connection }> {
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { format });
  await connection.join('t', { from });
  await harness.clock.settle();
  return { link, connection };
}

const send = (data: unknown, idempotencyKey: string, replaces?: string) =>
  harness.run(harness.hub.thread('t').send(data, { idempotencyKey, replaces }));

const remove = (id: string) => harness.run(harness.hub.thread('t').remove(id));

describe('edits', () => {
  it('members get the new version, those who come later only that, in the place of the message', async () => {
    harness = makeHarness();
    const { link } = await join();
    await send('helo', 'a');
    await send('other', 'b');
    const receipt = await send('hello', 'a2', 'a');
    expect(receipt).toMatchObject({ id: 'a2', recipients: 1, written: 1, isDuplicate: false });
    expect(receipt.position).toMatch(/\.3\.a2$/);
    expect(story(link)).toEqual(['a helo', 'b other', 'a is now hello']);
    expect(story((await join('start')).link)).toEqual(['a hello', 'b other']);
    const history = (await harness.run(harness.hub.thread('t').history())).messages;
    expect(history.map(({ id, data }) => [id, data])).toEqual([
      ['a', 'hello'],
      ['b', 'other'],
    ]);
  });

  it('who resumes after the message is told of the edit', async () => {
    harness = makeHarness();
    const { position } = await send('helo', 'a');
    await send('other', 'b');
    await send('hell', 'a2', 'a');
    await send('hello', 'a3', 'a');
    const { link } = await join(position);
    expect(story(link)).toEqual(['b other', 'a is now hello']);
  });

  it('who resumes before a critical message, which may have come ahead, is told of what became of it', async () => {
    harness = makeHarness();
    const { position } = await send('first', 'a');
    await send('other', 'b');
    for (const id of ['c', 'd']) {
      await harness.run(harness.hub.thread('t').send('helo', { idempotencyKey: id, lane: 'critical' }));
    }
    await send('hello', 'c2', 'c');
    await remove('d');
    expect(story((await join(position)).link)).toEqual(['c hello', 'b other', 'c is now hello', '-d']);
    expect(story((await join(position, 'plain')).link)).toEqual([]);
  });

  it('a stalled client gets each message in its newest version', async () => {
    harness = makeHarness();
    const { link } = await join();
    link.stall();
    const big = 'x'.repeat(600_000);
    for (const id of ['a', 'b', 'c']) await send(`${id} ${big}`, id);
    await send('short', 'c2', 'c');
    await remove('b');
    link.resume();
    await harness.clock.settle();
    const told = story(link).map((text) => text.slice(0, 20));
    // what it was given in time it is told of again: an edit is the same twice
    expect(told).toEqual([`a a ${'x'.repeat(16)}`, 'c short', 'c is now short', '-b']);
  });

  it('plain connections get the new version as a message, and nothing of a removal', async () => {
    harness = makeHarness();
    const { link } = await join(undefined, 'plain');
    await send('helo', 'a');
    await send('hello', 'a2', 'a');
    await remove('a');
    expect(link.messages).toEqual(['helo', 'hello']);
  });

  it('is sent once with the same key, whatever becomes of the message', async () => {
    harness = makeHarness();
    const { link } = await join();
    await send('helo', 'a');
    await send('hello', 'a2', 'a');
    await remove('a');
    expect(await send('hello', 'a2', 'a')).toMatchObject({ isDuplicate: true, recipients: 0 });
    expect(story(link)).toEqual(['a helo', 'a is now hello', '-a']);
  });

  it('big versions come in parts, and the parts of a version that is no more are dropped', async () => {
    harness = makeHarness();
    const link = new FakeLink();
    harness.hub.accept(link.attach, { authorize: () => true });
    link.say({ t: 'join', th: 't', parts: true });
    await harness.clock.settle();
    link.stall();
    const first = send('1'.repeat(900_000), 'a');
    await first;
    await send('2'.repeat(800_000), 'a2', 'a');
    link.resume();
    await harness.clock.advance(1_000);
    const parts = framesOf(link, 'part');
    const of = (id: string, count: unknown): string =>
      parts
        .filter((part) => part['id'] === id && part['of'] === count)
        .map(({ d }) => d)
        .join('');
    expect(of('a', 13)).toBe(JSON.stringify('2'.repeat(800_000)));
    expect(of('a2', 13)).toBe(JSON.stringify('2'.repeat(800_000)));
    expect(parts.filter(({ last }) => last === true).map(({ id, re }) => [id, re])).toEqual([
      ['a', undefined],
      ['a2', 'a'],
    ]);
  });

  it('junk is refused and changes nothing', async () => {
    harness = makeHarness();
    const { link } = await join();
    await send('helo', 'a');
    const thread = harness.hub.thread('t');
    const sends = [
      { replaces: '' },
      { replaces: 'a b' },
      { replaces: 'a', conflate: 'k' },
      { replaces: 'a', lane: 'volatile' as const },
      { replaces: 'a', expiresInMs: 1_000 },
      { replaces: 'a', idempotencyKey: 'a' },
    ].map((options) => harness.run(thread.send('x', options)));
    for (const sent of sends) await expect(sent).rejects.toThrow(InvalidOptionError);
    await expect(harness.run(thread.remove('a b'))).rejects.toThrow(InvalidOptionError);
    await expect(send('x', 'n', 'nothing')).rejects.toThrow(UnknownMessageError);
    await expect(remove('nothing')).rejects.toMatchObject({ code: 'TC_UNKNOWN_MESSAGE', messageId: 'nothing' });
    expect(story(link)).toEqual(['a helo']);
    expect(thread.stats.head).toBe(1);
  });
});

describe('removals', () => {
  it('members are told, and nobody reads it any more', async () => {
    harness = makeHarness();
    const { link } = await join();
    await send('secret', 'a');
    await send('other', 'b');
    await remove('a');
    expect(story(link)).toEqual(['a secret', 'b other', '-a']);
    expect(story((await join('start')).link)).toEqual(['b other']);
    expect((await harness.run(harness.hub.thread('t').history())).messages).toMatchObject([{ id: 'b' }]);
    await expect(remove('a')).rejects.toThrow(UnknownMessageError);
  });

  it('comes after what was sent before it in the same turn', async () => {
    harness = makeHarness();
    const { link } = await join();
    const thread = harness.hub.thread('t');
    await harness.run(Promise.all([thread.send('secret', { idempotencyKey: 'a' }), thread.remove('a')]));
    expect(story(link).at(-1)).toBe('-a');
    expect((await harness.run(thread.history())).messages).toEqual([]);
  });

  it('an edit and a removal at the same time end with the removal or a refusal', async () => {
    harness = makeHarness();
    await send('x', 'a');
    const thread = harness.hub.thread('t');
    const both = [thread.remove('a'), thread.send('y', { replaces: 'a' })];
    const [removal, edit] = await harness.run(Promise.allSettled(both));
    expect([removal?.status, edit?.status]).toEqual(['fulfilled', 'rejected']);
    expect((await harness.run(thread.history())).messages).toEqual([]);
  });

  describe('of a message that was sent again after the log had dropped it', () => {
    /** Messages `a` to `d` in a log of five entries, an edit of `a`, and whatever drops `a`. */
    async function begin(): Promise<void> {
      const clock = new VirtualClock();
      harness = makeHarness({ clock, log: memoryLog({ clock, maxEntries: 5 }) });
      for (const id of ['a', 'b', 'c', 'd']) await send('helo', id);
    }

    it('reaches who resumes between the two', async () => {
      await begin();
      const { position } = await send('hello', 'a2', 'a');
      await send('more', 'e');
      await send('helo', 'a');
      await remove('a');
      expect(story((await join(position)).link)).toEqual(['e more', '-a']);
      expect(story((await join(position, 'plain')).link)).toEqual([]);
      // who has nothing, and who asks for nothing, is not told
      expect(story((await join('start')).link)).toEqual(['d helo', 'e more']);
      expect(story((await join()).link)).toEqual([]);
    });

    it('reaches who resumes between the two after it was not edited', async () => {
      await begin();
      const { position } = await send('more', 'e');
      await send('more', 'f');
      await send('helo', 'a');
      await remove('a');
      expect(story((await join(position)).link)).toEqual(['f more', '-a']);
    });

    it('reaches who resumes before the first removal', async () => {
      await begin();
      const { position } = await send('more', 'e');
      await remove('b');
      for (const id of ['f', 'b']) await send('helo', id);
      await remove('b');
      expect(story((await join(position)).link)).toEqual(['f helo', '-b']);
    });

    it('follows the new message, and its edit comes with that', async () => {
      await begin();
      const { position } = await send('more', 'e');
      await send('more', 'f');
      const again = await send('helo', 'a');
      await send('hello', 'a2', 'a');
      expect(story((await join(position)).link)).toEqual(['f more', 'a hello']);
      await remove('a');
      expect(story((await join(again.position)).link)).toEqual(['-a']);
    });
  });

  it('and edits that wait reach what the client has, when another part of the page begins with all that the log holds', async () => {
    harness = makeHarness();
    const link = new FakeLink();
    const gate = Promise.withResolvers<boolean>();
    const answers = [true, gate.promise];
    harness.hub.accept(link.attach, { authorize: () => answers.shift() ?? false });
    link.say({ t: 'join', th: 't' });
    await harness.clock.settle();
    for (const id of ['a', 'b', 'c', 'd']) await send('helo', id);
    await send('hello', 'c2', 'c');
    await remove('d');
    expect(story(link).splice(-2)).toEqual(['c is now hello', '-d']);
    link.say({ t: 'join', th: 't', from: 'start' });
    await harness.clock.settle();
    link.stall();
    for (const id of ['e', 'f', 'g']) await send('x'.repeat(600_000), id);
    await send('hello', 'a2', 'a');
    await remove('b');
    gate.resolve(true);
    await harness.clock.settle();
    const before = story(link).length;
    link.resume();
    await harness.clock.settle();
    const told = story(link).slice(before);
    // the first part of the page has had the other two in time
    expect(told.filter((text) => !text.endsWith('x'))).toEqual(['a hello', 'c hello', 'a is now hello', '-b']);
  });
});
