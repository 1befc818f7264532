import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  memoryLog,
  StreamAbortedError,
  StreamEndedError,
  StreamExistsError,
  StreamTooLongError,
  TooManyStreamsError,
  type AcceptOptions,
  type DeliveryLog,
  type HubOptions,
  type StreamOptions,
  type TokenStream,
} from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { dataOf, framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;
let expectedErrors: unknown[];

beforeEach(() => {
  expectedErrors = [];
  harness = makeHarness();
});
afterEach(async () => {
  expect(harness.errors).toEqual(expectedErrors);
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

/** Another hub than the default one. */
async function useHub(options: HubOptions): Promise<void> {
  await harness.close();
  harness = makeHarness(options);
}

/** A client that has joined `t`. */
async function join(frame: object = {}, options: AcceptOptions = {}): Promise<FakeLink> {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true, ...options });
  link.say({ t: 'join', th: 't', ...frame });
  await harness.clock.settle();
  return link;
}

const begin = (options: StreamOptions = { id: 's' }): TokenStream => harness.hub.thread('t').stream(options);

/** A log, to be changed: a class's methods are not its own. */
function plainLog(): DeliveryLog {
  const log = memoryLog();
  return {
    append: (draft) => log.append(draft),
    readAfter: (...args) => log.readAfter(...args),
    readBefore: (...args) => log.readBefore(...args),
    position: (threadId) => log.position(threadId),
    subscribe: (...args) => log.subscribe(...args),
    sweep: () => log.sweep(),
    close: () => log.close(),
  };
}

/** What each `tok` frame brought. */
const toks = (link: FakeLink): unknown[][] => framesOf(link, 'tok').map(({ s, at, d }) => [s, at, d]);

/** The text of a stream, put together as a client does; a hole is an error. */
function textOf(link: FakeLink, id = 's'): string {
  let text = '';
  for (const { s, at, d } of framesOf(link, 'tok')) {
    if (s !== id) continue;
    expect(at).toBe(text.length);
    text += String(d);
  }
  return text;
}

/** Frames of messages and text, in their order: the offset, or the text. */
const sequence = (link: FakeLink): unknown[] =>
  link.messages
    .filter(isRecord)
    .flatMap((frame) => (frame['t'] === 'msg' ? [frame['o']] : frame['t'] === 'tok' ? [frame['d']] : []));

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('text', () => {
  test('the first goes out at once, later ones together, a window apart', async () => {
    const link = await join();
    const stream = begin();
    stream.append('a');
    await harness.clock.settle();
    expect(toks(link)).toEqual([['s', 0, 'a']]);
    for (const text of ['b', 'c', 'd']) {
      stream.append(text);
      await harness.clock.advance(10);
    }
    expect(toks(link)).toHaveLength(1);
    await harness.clock.advance(10);
    expect(toks(link).slice(1)).toEqual([['s', 1, 'bcd']]);
    // after a pause it is as at the beginning
    await harness.clock.advance(1_000);
    stream.append('e');
    await harness.clock.settle();
    expect(toks(link).at(-1)).toEqual(['s', 4, 'e']);
  });

  test('is one frame for all connections', async () => {
    const links = [await join(), await join(), await join()];
    begin().append('shared');
    await harness.clock.settle();
    expect(links.map(toks)).toEqual(links.map(() => [['s', 0, 'shared']]));
    expect(harness.hub.stats()).toMatchObject({ streams: 1, textFrames: 3 });
  });

  test('so far comes in one frame to who joins late; then it goes on', async () => {
    const stream = begin();
    for (const text of ['one ', 'two ', 'three ']) {
      stream.append(text);
      await harness.clock.advance(50);
    }
    const late = await join();
    expect(toks(late)).toEqual([['s', 0, 'one two three ']]);
    stream.append('four');
    await harness.clock.advance(50);
    expect(toks(late).slice(1)).toEqual([['s', 14, 'four']]);
  });

  test('is not sent again to who says what it has', async () => {
    const stream = begin();
    stream.append('one two');
    await harness.clock.settle();
    expect(toks(await join({ s: { s: 4, other: 9 } }))).toEqual([['s', 4, 'two']]);
    // more than there is, and what is no number
    expect(toks(await join({ s: { s: 400 } }))).toEqual([]);
    expect(toks(await join({ s: { s: -1 } }))).toEqual([['s', 0, 'one two']]);
    expect(toks(await join({ s: 'all' }))).toEqual([['s', 0, 'one two']]);
  });

  test('comes from where the client says when it joins once more', async () => {
    const link = await join();
    begin().append('one two');
    await harness.clock.settle();
    link.say({ t: 'join', th: 't', s: { s: 4 } });
    await harness.clock.settle();
    expect(toks(link)).toEqual([
      ['s', 0, 'one two'],
      ['s', 4, 'two'],
    ]);
  });

  test('is never cut within a surrogate pair', async () => {
    const link = await join();
    const stream = begin();
    stream.append('\u{1F600}'.charAt(0));
    await harness.clock.advance(100);
    expect(toks(link)).toEqual([['s', 0, '']]);
    stream.append(`${'\u{1F600}'.charAt(1)}x\u{1F680}`.slice(0, 3));
    await harness.clock.advance(100);
    expect(toks(link).slice(1)).toEqual([['s', 0, '\u{1F600}x']]);
    // nor by a position that is within one
    expect(toks(await join({ s: { s: 1 } }))).toEqual([['s', 0, '\u{1F600}x']]);
    expect(toks(await join({ s: { s: 2 } }))).toEqual([['s', 2, 'x']]);
    await harness.run(stream.end());
    expect(dataOf(link)).toEqual([{ text: '\u{1F600}x\uD83D' }]);
  });

  test('of a long stream comes in bounded frames, cut between characters', async () => {
    const text = 'a' + '\u{1F600}'.repeat(100_000);
    const stream = begin();
    stream.append(text);
    await harness.clock.settle();
    const link = await join();
    expect(textOf(link)).toBe(text);
    const lengths = toks(link).map(([, , d]) => String(d).length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64 * 1024);
    expect(lengths.length).toBeLessThan(5);
    for (const [, , d] of toks(link)) expect(String(d).isWellFormed()).toBe(true);
  });

  test('is nothing for a plain connection, which gets the final message', async () => {
    const link = new FakeLink();
    const plain = harness.hub.accept(link.attach, { format: 'plain' });
    await harness.run(plain.join('t'));
    const stream = begin();
    stream.append('text');
    await harness.clock.advance(100);
    expect(plain.stats.behind).toBe(0);
    await harness.run(stream.end());
    expect(link.received).toEqual(['{"text":"text"}']);
  });

  test('that comes while a fan-out is under way reaches those that it has visited already', async () => {
    /** Each look at it takes time, so that a fan-out to many takes several turns. */
    class BusyClock extends VirtualClock {
      override now(): number {
        this.spend(0.5);
        return super.now();
      }
    }
    await harness.close();
    const clock = new BusyClock();
    harness = makeHarness({ clock, sliceMs: 1, streams: { windowMs: 0 } });
    const connections = Array.from({ length: 100 }, () => harness.connect());
    await Promise.all(connections.map(({ connection }) => harness.run(connection.join('t'))));
    const stream = begin();
    stream.append('a');
    await Promise.resolve();
    await Promise.resolve();
    const visited = connections.filter(({ link }) => toks(link).length > 0).length;
    expect(visited).toBeGreaterThan(0);
    expect(visited).toBeLessThan(100);
    // this message lets the text be told, in the middle of the pass
    stream.append('b');
    stream.append('c');
    await harness.clock.settle();
    expect(new Set(connections.map(({ link }) => textOf(link)))).toEqual(new Set(['abc']));
  });

  test('costs a connection that is behind nothing but its place', async () => {
    const link = await join();
    const stream = begin();
    stream.append('first ');
    await harness.clock.settle();
    link.stall();
    for (let i = 0; i < 100; i++) {
      stream.append('x'.repeat(10_000));
      await harness.clock.advance(40);
    }
    // up to the high-water mark, and not more
    expect(link.unsentBytes).toBeLessThan(600_000);
    link.resume();
    await harness.clock.advance(40);
    expect(textOf(link)).toHaveLength(stream.length);
    // what it has missed comes in frames of 64 Ki units, whatever came in between
    expect(toks(link).length).toBeLessThan(65);
  });

  test('does not come between the fragments of a message', async () => {
    const link = await join();
    link.stall();
    await harness.run(harness.hub.thread('t').send('x'.repeat(2_000_000)));
    begin().append('text');
    await harness.clock.advance(100);
    link.resume();
    await harness.clock.advance(1_000);
    expect(sequence(link)).toEqual([1, 'text']);
  });
});

describe('order', () => {
  test('text that was appended before a send comes before the message', async () => {
    const link = await join();
    const stream = begin();
    stream.append('a');
    await harness.clock.settle();
    stream.append('b');
    await harness.run(harness.hub.thread('t').send('message'));
    stream.append('c');
    await harness.clock.advance(40);
    expect(sequence(link)).toEqual(['a', 'b', 1, 'c']);
  });

  test('who joins gets the history first', async () => {
    const thread = harness.hub.thread('t');
    for (let i = 0; i < 300; i++) await harness.run(thread.send('x'.repeat(5_000)));
    begin().append('text');
    await harness.clock.settle();
    const link = await join({ from: 'start' });
    expect(sequence(link)).toEqual([...range(300), 'text']);
  });

  test('text overtakes messages for who is behind', async () => {
    const link = await join();
    link.stall();
    for (let i = 0; i < 20; i++) await harness.run(harness.hub.thread('t').send('x'.repeat(60_000)));
    begin().append('text');
    await harness.clock.advance(100);
    link.resume();
    await harness.clock.advance(100);
    const frames = sequence(link);
    expect(frames).toHaveLength(21);
    expect(frames.indexOf('text')).toBeLessThan(12);
    expect(frames.filter((frame) => frame !== 'text')).toEqual(range(20));
  });
});

describe('the end', () => {
  test('is one message with the id of the stream and the whole text', async () => {
    const link = await join();
    const stream = begin();
    stream.append('some ');
    stream.append('text');
    const receipt = await harness.run(stream.end({ role: 'assistant' }));
    expect(receipt).toMatchObject({ id: 's', isDuplicate: false, recipients: 1 });
    expect(framesOf(link, 'msg')).toMatchObject([{ o: 1, id: 's', d: { role: 'assistant', text: 'some text' } }]);
    expect(harness.hub.stats().streams).toBe(0);
    // once
    expect(await harness.run(stream.end())).toBe(receipt);
    expect(await harness.run(stream.abort())).toBe(receipt);
    expect(() => stream.append('more')).toThrow(StreamEndedError);
    expect(stream.signal.aborted).toBe(false);
    // who comes now has it in the history, and nothing else
    expect(sequence(await join({ from: 'start' }))).toEqual([1]);
  });

  test('keeps the order of calls with other sends', async () => {
    const link = await join();
    const stream = begin();
    stream.append('text');
    const sent = [stream.end(), harness.hub.thread('t').send('after')];
    await harness.run(Promise.all(sent));
    expect(dataOf(link)).toEqual([{ text: 'text' }, 'after']);
  });

  test('that cannot be logged can be tried again', async () => {
    await useHub({ maxMessageBytes: 100 });
    const link = await join();
    const stream = begin();
    stream.append('text');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await expect(harness.run(stream.end(cycle))).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
    stream.append('!');
    await harness.run(stream.end());
    expect(dataOf(link)).toEqual([{ text: 'text!' }]);
  });

  test('cannot be forged by another message with its id', async () => {
    const link = await join();
    const stream = begin();
    stream.append('text');
    for (const lane of ['normal', 'volatile'] as const) {
      const forging = harness.hub.thread('t').send({ text: 'other' }, { idempotencyKey: 's', lane });
      await expect(harness.run(forging)).rejects.toBeInstanceOf(StreamExistsError);
    }
    await harness.run(stream.end());
    expect(dataOf(link)).toEqual([{ text: 'text' }]);
  });

  test('by the publisher may be a mark', async () => {
    const link = await join();
    const stream = begin();
    stream.append('half');
    await harness.run(stream.abort('moderated'));
    expect(dataOf(link)).toEqual([{ text: 'half', aborted: 'moderated' }]);
    expect(stream.signal.reason).toMatchObject({ code: 'TC_STREAM_ABORTED', streamId: 's', reason: 'moderated' });
  });

  test('comes by itself when nothing is appended any more', async () => {
    await useHub({ streams: { timeoutMs: 5_000 } });
    const link = await join();
    const stream = begin();
    stream.append('half');
    await harness.clock.advance(4_000);
    stream.append('');
    await harness.clock.advance(4_000);
    expect(stream.signal.aborted).toBe(false);
    await harness.clock.advance(2_000);
    expect(dataOf(link)).toEqual([{ text: 'half', aborted: 'timeout' }]);
    expect(stream.signal.reason).toBeInstanceOf(StreamAbortedError);
    expect(() => stream.append('more')).toThrow(StreamEndedError);
    expect(harness.hub.stats().streams).toBe(0);
  });

  test('comes with the drain of the hub', async () => {
    const link = await join();
    const stream = begin({ id: 's', timeoutMs: 1e9 });
    stream.append('half');
    await harness.run(harness.hub.drain({ timeoutMs: 100 }));
    expect(dataOf(link)).toEqual([{ text: 'half', aborted: 'drain' }]);
    expect(stream.signal.reason).toMatchObject({ reason: 'drain' });
  });

  test('of the hub is the end of its streams', async () => {
    const stream = begin();
    await harness.close();
    expect(stream.signal.reason).toMatchObject({ reason: 'closed' });
    expect(() => stream.append('more')).toThrow(StreamEndedError);
    await expect(stream.end()).rejects.toMatchObject({ code: 'TC_THREAD_CLOSED' });
    harness = makeHarness();
  });

  test('a thread stays open while a stream is under way in it, and closes after it', async () => {
    const stream = begin({ id: 's', timeoutMs: 1e9 });
    await harness.clock.advance(200_000);
    expect(harness.hub.stats().threads).toBe(1);
    await harness.run(stream.end());
    await harness.clock.advance(62_000);
    expect(harness.hub.stats().threads).toBe(0);
  });

  test('begins anew after a gap', async () => {
    await useHub({ log: memoryLog({ maxEntries: 2 }) });
    const link = await join();
    const stream = begin();
    stream.append('text');
    await harness.clock.settle();
    link.stall();
    for (let i = 0; i < 20; i++) await harness.run(harness.hub.thread('t').send('x'.repeat(60_000)));
    link.resume();
    await harness.clock.advance(100);
    expect(framesOf(link, 'gap')).toHaveLength(1);
    expect(toks(link)).toEqual([
      ['s', 0, 'text'],
      ['s', 0, 'text'],
    ]);
    // also where the client says that it has it
    const old = await join({ from: 'other.1.x', s: { s: 4 } });
    expect(framesOf(old, 'gap')).toHaveLength(1);
    expect(toks(old)).toEqual([['s', 0, 'text']]);
  });
});

describe('limits', () => {
  test('streams of one thread', async () => {
    await useHub({ streams: { maxPerThread: 2 } });
    const first = begin({ id: 'a' });
    begin({ id: 'b' });
    expect(() => begin({ id: 'c' })).toThrow(TooManyStreamsError);
    expect(() => begin({ id: 'a' })).toThrow(StreamExistsError);
    await harness.run(first.end());
    begin({ id: 'c' });
  });

  test('text of one stream', async () => {
    await useHub({ streams: { maxLength: 10 } });
    const stream = begin();
    stream.append('12345');
    expect(() => stream.append('123456')).toThrow(StreamTooLongError);
    stream.append('67890');
    expect(stream.length).toBe(10);
    expect(await harness.run(stream.end())).toMatchObject({ bytes: '{"text":"1234567890"}'.length });
  });

  test('a thread that cannot be opened is an error of the stream', async () => {
    const failure = new Error('no log');
    await useHub({ log: { ...plainLog(), subscribe: () => Promise.reject(failure) } });
    const stream = begin();
    // collected, as long as nobody knows
    stream.append('text');
    await harness.clock.settle();
    expect(() => stream.append('more')).toThrow(failure);
    expect(stream.signal.reason).toBe(failure);
    await expect(stream.end()).rejects.toBe(failure);
  });

  test('options are checked', () => {
    expect(() => begin({ id: 'no spaces' })).toThrow(/option id/);
    expect(() => begin({ timeoutMs: 0 })).toThrow(/option timeoutMs/);
    expect(() => makeHarness({ streams: { windowMs: -1 } })).toThrow(/option streams.windowMs/);
    expect(begin({}).id).toMatch(/^[\w-]{22}$/);
  });
});

describe('cancel', () => {
  test('by a member reaches the publisher', async () => {
    const link = await join({}, { userId: 'ada' });
    const stream = begin();
    link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.clock.settle();
    expect(stream.signal.reason).toMatchObject({ code: 'TC_STREAM_ABORTED', reason: 'cancelled', userId: 'ada' });
    // what becomes of the stream is the publisher's business
    stream.append('last words');
    await harness.run(stream.end({ stopped: true }));
    expect(dataOf(link)).toEqual([{ stopped: true, text: 'last words' }]);
    // nothing to cancel any more is no error
    link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.clock.settle();
    expect(framesOf(link, 'err')).toEqual([]);
  });

  test('by anybody else is refused', async () => {
    const stranger = new FakeLink();
    harness.hub.accept(stranger.attach);
    const stream = begin({ id: 's', mayCancel: ({ userId }) => userId === 'ada' });
    const member = await join({}, { userId: 'bob' });
    for (const link of [stranger, member]) link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.clock.settle();
    expect(stream.signal.aborted).toBe(false);
    for (const link of [stranger, member]) {
      expect(framesOf(link, 'err')).toMatchObject([{ code: 'forbidden', th: 't' }]);
    }
  });

  test('a hook that throws refuses', async () => {
    const failure = new Error('no database');
    expectedErrors = [failure];
    const stream = begin({ id: 's', mayCancel: () => Promise.reject(failure) });
    const link = await join();
    link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.clock.settle();
    expect(stream.signal.aborted).toBe(false);
    expect(framesOf(link, 'err')).toMatchObject([{ code: 'internal', th: 't' }]);
  });
});

describe('pipe', () => {
  async function* source(...texts: readonly (string | Error)[]): AsyncGenerator<string> {
    for (const text of texts) {
      if (text instanceof Error) throw text;
      yield text;
      await Promise.resolve();
    }
  }

  test('appends all that comes, then ends', async () => {
    const link = await join();
    await harness.run(begin().pipe(source('one ', 'two'), { role: 'assistant' }));
    expect(dataOf(link)).toEqual([{ role: 'assistant', text: 'one two' }]);
  });

  test('leaves turns to others where the source always has more', async () => {
    let turns = 0;
    let next = setImmediate(function count() {
      turns++;
      next = setImmediate(count);
    });
    const seen = new Set<number>();
    async function* ready(): AsyncGenerator<string> {
      for (let i = 0; i < 1_000; i++) {
        seen.add(turns);
        yield 'x';
      }
    }
    await harness.run(begin().pipe(ready()));
    clearImmediate(next);
    expect(seen.size).toBeGreaterThan(10);
  });

  test('takes a web stream', async () => {
    const link = await join();
    await harness.run(begin().pipe(ReadableStream.from(['one ', 'two'])));
    expect(dataOf(link)).toEqual([{ text: 'one two' }]);
  });

  test('passes on what the source throws, after a mark', async () => {
    const link = await join();
    const failure = new Error('model is gone');
    await expect(harness.run(begin().pipe(source('one ', failure)))).rejects.toBe(failure);
    expect(dataOf(link)).toEqual([{ text: 'one ', aborted: 'failed' }]);
  });

  async function* parts(...all: readonly object[]): AsyncGenerator<{ readonly type: string }> {
    for (const part of all) {
      yield { type: 'unknown', ...part };
      await Promise.resolve();
    }
  }

  test('takes the parts of a model’s stream, of which only text is text', async () => {
    const link = await join();
    const stream = parts(
      { type: 'start' },
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'text-delta', id: '1', text: 'one ' },
      { type: 'tool-call', input: {} },
      { type: 'text-delta', id: '1', delta: 'two ' },
      { type: 'text-delta', textDelta: 'three' },
      { type: 'finish', finishReason: 'stop' },
    );
    await harness.run(begin().pipe(stream, { role: 'assistant' }));
    expect(dataOf(link)).toEqual([{ role: 'assistant', text: 'one two three' }]);
  });

  test.each([
    ['an error', { type: 'error', error: new Error('rate limit') }, 'rate limit'],
    ['a text that is thrown', { type: 'error', error: 'overloaded' }, 'overloaded'],
    ['an error without one', { type: 'error' }, 'the model failed'],
    ['a finish that failed', { type: 'finish', finishReason: 'error' }, 'finished with an error'],
  ])('%s as a part counts as thrown: the answer is not logged as finished', async (_, part, message) => {
    const link = await join();
    const stream = parts({ type: 'text-delta', text: 'one ' }, part, { type: 'finish', finishReason: 'stop' });
    await expect(harness.run(begin().pipe(stream))).rejects.toThrow(message);
    expect(dataOf(link)).toEqual([{ text: 'one ', aborted: 'failed' }]);
  });

  test('a model that was stopped leaves an aborted answer', async () => {
    const link = await join();
    await harness.run(
      begin().pipe(parts({ type: 'text-delta', text: 'so far' }, { type: 'abort' }, { type: 'finish' })),
    );
    expect(dataOf(link)).toEqual([{ text: 'so far', aborted: 'aborted' }]);
  });

  test.each([
    ['bytes', Buffer.from('x')],
    ['a part without a type', { text: 'x' }],
    ['a text-delta without a text', { type: 'text-delta' }],
    ['a number', 7],
  ])('%s are no text: told, and not logged as finished', async (_, piece) => {
    const link = await join();
    const untyped: AsyncIterable<string> = Object(ReadableStream.from([piece]));
    const code = 'TC_INVALID_OPTION';
    await expect(harness.run(begin().pipe(untyped))).rejects.toMatchObject({ code, option: 'text' });
    expect(dataOf(link)).toEqual([{ text: '', aborted: 'failed' }]);
  });

  test('a text that grows too long stops its source, which would go on for money', async () => {
    await useHub({ streams: { maxLength: 10 } });
    const link = await join();
    let isStopped = false;
    const endless = async function* () {
      try {
        for (;;) yield 'four';
      } finally {
        isStopped = true;
      }
    };
    await expect(harness.run(begin().pipe(endless()))).rejects.toBeInstanceOf(StreamTooLongError);
    expect(isStopped).toBe(true);
    expect(dataOf(link)).toEqual([{ text: 'fourfour', aborted: 'failed' }]);
  });

  test('what is no source at all ends the stream as well', async () => {
    const link = await join();
    const broken: AsyncIterable<string> = {
      [Symbol.asyncIterator]() {
        throw new Error('already read');
      },
    };
    await expect(harness.run(begin().pipe(broken))).rejects.toThrow('already read');
    expect(dataOf(link)).toEqual([{ text: '', aborted: 'failed' }]);
  });

  test('stops when a client cancels, though the source hangs', async () => {
    const link = await join();
    let isReturned = false;
    const hanging: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => {
        const texts = ['one '];
        return {
          next: () => {
            const value = texts.shift();
            return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value });
          },
          return: () => {
            isReturned = true;
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    };
    const piping = begin().pipe(hanging);
    await harness.clock.advance(100);
    link.say({ t: 'cancel', th: 't', s: 's' });
    await harness.run(piping);
    expect(dataOf(link)).toEqual([{ text: 'one ', aborted: 'cancelled' }]);
    expect(isReturned).toBe(true);
  });
});

test('a stream that the process before had begun is lost, where no other process can have it', async () => {
  const { hub, clock, run } = harness;
  await run(hub.thread('t').send({ text: 'all of it' }, { idempotencyKey: 'ended' }));
  begin().append('one');
  const link = await join({ from: 'start', s: { gone: 7, ended: 3, s: 0 } });
  await clock.advance(10_000);
  expect(framesOf(link, 'tok')).toEqual([
    { t: 'tok', th: 't', s: 's', at: 0, d: 'one' },
    { t: 'tok', th: 't', s: 'gone', lost: true },
  ]);
});
