import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { preencoded, type AcceptOptions, type ClientMessage } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { dataOf, framesOf, isRecord, makeHarness, type Harness } from '../support/harness.ts';

let harness: Harness;

beforeEach(() => {
  harness = makeHarness({ log: undefined });
});

afterEach(async () => {
  await harness.close();
  expect(harness.errors).toEqual([]);
});

const someBytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) % 256);

async function connect(options: AcceptOptions, join: object = {}): Promise<FakeLink> {
  const link = new FakeLink();
  harness.hub.accept(link.attach, { authorize: () => true, ...options });
  link.say({ t: 'join', th: 't', ...join });
  await harness.clock.settle();
  return link;
}

/** The header of a binary frame and the bytes after it. */
function read(frame: Uint8Array | undefined): { header: Record<string, unknown>; bytes: Uint8Array } {
  if (frame === undefined) throw new Error('no binary frame has come');
  const end = frame.indexOf(0);
  const header: unknown = JSON.parse(Buffer.from(frame.subarray(0, end)).toString('latin1'));
  if (!isRecord(header)) throw new Error('its header is no object');
  return { header, bytes: frame.subarray(end + 1) };
}

const decoded = (text: unknown): Uint8Array => new Uint8Array(Buffer.from(String(text), 'base64'));

const send = (message: unknown, options = {}) => harness.run(harness.hub.thread('t').send(message, options));

describe('a message of bytes', () => {
  it.each([0, 1, 125, 256, 70_000, 300_000])(
    'of %i bytes comes in the form that each connection reads',
    async (size) => {
      const sent = someBytes(size);
      const binary = await connect({ takesBytes: true });
      const text = await connect({});
      const plain = new FakeLink();
      const bare = harness.hub.accept(plain.attach, { format: 'plain' });
      await harness.run(bare.join('t'));
      const { id } = await send(sent);
      const { header, bytes } = read(binary.binary[0]);
      expect(header).toMatchObject({ t: 'msg', th: 't', o: 1, id });
      expect(bytes).toEqual(sent);
      const [frame] = framesOf(text, 'msg');
      expect(frame).toMatchObject({ t: 'msg', th: 't', o: 1, id, enc: 'base64' });
      expect(decoded(frame?.['d'])).toEqual(sent);
      expect(plain.binary).toEqual([sent]);
      expect(binary.binary).toHaveLength(1);
      expect(text.binary).toHaveLength(0);
    },
  );

  it.each([300_000, 1_000_003])('of %i bytes comes in parts, as bytes or as slices of JSON', async (size) => {
    const sent = someBytes(size);
    const binary = await connect({ takesBytes: true }, { parts: true });
    const text = await connect({}, { parts: true });
    await send(sent);
    await harness.clock.advance(1_000);
    const parts = binary.binary.map(read);
    expect(new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)))).toEqual(sent);
    expect(parts.map(({ header }) => header['n'])).toEqual(parts.map((_, n) => n));
    expect(parts.at(-1)?.header).toMatchObject({ t: 'part', of: parts.length, last: true });
    const slices = framesOf(text, 'part');
    expect(decoded(JSON.parse(slices.map(({ d }) => d).join('')))).toEqual(sent);
    expect(slices.at(-1)).toMatchObject({ of: slices.length, last: true, enc: 'base64' });
  });

  it('goes on with the part that the client misses', async () => {
    const sent = someBytes(300_000);
    const { id, position = '' } = await send(sent);
    const from = `${position.split('.')[0]}.0.`;
    const link = await connect({ takesBytes: true }, { parts: true, from, have: { o: 1, id, n: 3, of: 5 } });
    await harness.clock.advance(1_000);
    const parts = link.binary.map(read);
    expect(parts.map(({ header }) => header['n'])).toEqual([3, 4]);
    expect(new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)))).toEqual(sent.slice(3 * 65_536));
  });

  it('is what it was when it was sent, also a big snapshot', async () => {
    const link = await connect({ takesBytes: true });
    const small = someBytes(1_000);
    const big = someBytes(6_000_000);
    const [smallCopy, bigCopy] = [small.slice(), big.slice()];
    const sent = [harness.hub.thread('t').send(small), harness.hub.thread('t').send(big, { snapshot: true })];
    small.fill(0);
    big.fill(0);
    await harness.run(Promise.all(sent));
    await harness.clock.advance(1_000);
    expect(
      link.binary.map((frame) => Buffer.compare(read(frame).bytes, frame === link.binary[0] ? smallCopy : bigCopy)),
    ).toEqual([0, 0]);
  });

  it('that is big is copied in slices, and is nobody’s memory if its buffer is taken away', async () => {
    const link = await connect({ takesBytes: true });
    const big = someBytes(6_000_000);
    const copy = big.slice();
    expect((await send(big)).strategy).toBe('sliced');
    big.fill(0);
    await harness.clock.advance(1_000);
    expect(Buffer.compare(read(link.binary[0]).bytes, copy)).toBe(0);
  });

  it('is bytes from a Buffer, too; other views and buffers are refused', async () => {
    const link = await connect({ takesBytes: true });
    await send(Buffer.from('abc'));
    expect(read(link.binary[0]).bytes).toEqual(Uint8Array.of(97, 98, 99));
    for (const wrong of [new ArrayBuffer(4), new Uint16Array(4), new DataView(new ArrayBuffer(4))])
      await expect(send(wrong)).rejects.toMatchObject({ code: 'TC_UNSERIALIZABLE_MESSAGE' });
    expect(() => preencoded(Uint8Array.of(0, 1))).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  });

  it('counts its bytes against maxMessageBytes', async () => {
    const small = makeHarness({ maxMessageBytes: 10 });
    await small.run(small.hub.thread('t').send(someBytes(10)));
    await expect(small.run(small.hub.thread('t').send(someBytes(11)))).rejects.toMatchObject({
      code: 'TC_MESSAGE_TOO_LARGE',
      bytes: 11,
      limit: 10,
    });
    await small.close();
  });

  it('may be critical, volatile, conflated, for a user, for a connection or for several threads', async () => {
    const link = new FakeLink();
    const connection = harness.hub.accept(link.attach, { authorize: () => true, takesBytes: true, userId: 'u' });
    for (const th of ['t', 'other']) link.say({ t: 'join', th });
    await harness.clock.settle();
    const last = (): Uint8Array => read(link.binary.at(-1)).bytes;
    await send(Uint8Array.of(1), { lane: 'critical' });
    expect(last()).toEqual(Uint8Array.of(1));
    await send(Uint8Array.of(2), { lane: 'volatile' });
    expect(last()).toEqual(Uint8Array.of(2));
    await harness.run(connection.send(Uint8Array.of(3)));
    expect(last()).toEqual(Uint8Array.of(3));
    link.say({ t: 'inbox' });
    await harness.clock.settle();
    await harness.run(harness.hub.user('u').send(Uint8Array.of(4)));
    expect(last()).toEqual(Uint8Array.of(4));
    await harness.run(harness.hub.to(['t', 'other']).send(Uint8Array.of(5)));
    expect(link.binary.slice(-2).map((frame) => read(frame))).toEqual([
      { header: expect.objectContaining({ th: 't', many: true }), bytes: Uint8Array.of(5) },
      { header: expect.objectContaining({ th: 'other', many: true }), bytes: Uint8Array.of(5) },
    ]);
    link.stall();
    await send('fills the gate');
    await send(Uint8Array.of(6), { lane: 'critical' });
    link.resume();
    await harness.clock.advance(1_000);
    expect(last()).toEqual(Uint8Array.of(6));
  });

  it('and a text may replace each other', async () => {
    const link = await connect({ takesBytes: true });
    const { id: text } = await send('text');
    const { id: bytes } = await send(Uint8Array.of(0, 1));
    await send(Uint8Array.of(2, 3), { replaces: text });
    await send('no bytes', { replaces: bytes });
    expect(read(link.binary.at(-1))).toMatchObject({ header: { re: text }, bytes: Uint8Array.of(2, 3) });
    expect(framesOf(link, 'msg').at(-1)).toMatchObject({ re: bytes, d: 'no bytes' });
    const { messages } = await harness.run(harness.hub.thread('t').history());
    expect(messages.map(({ data }) => data)).toEqual([Uint8Array.of(2, 3), 'no bytes']);
    const late = await connect({ takesBytes: true }, { from: 'start' });
    expect(read(late.binary[0])).toMatchObject({ header: { id: text, o: 1 }, bytes: Uint8Array.of(2, 3) });
    expect(dataOf(late)).toEqual(['no bytes']);
  });

  it('is in history as bytes, whatever its size, and on the wire as base64', async () => {
    const [small, big] = [someBytes(1_000), someBytes(1_500_000)];
    await send(small);
    await send(big);
    const page = harness.hub.thread('t').history();
    await harness.clock.advance(1_000);
    const { messages } = await page;
    expect(messages[0]?.data).toEqual(small);
    expect(Buffer.compare(Buffer.from(Object(messages[1]?.data)), big)).toBe(0);
    const [summary] = await harness.run(harness.hub.summaries(['t']));
    expect(summary?.last?.data).toBeInstanceOf(Uint8Array);
    const link = await connect({ takesBytes: true });
    link.say({ t: 'history', th: 't', ref: 1 });
    await harness.clock.settle();
    const list = framesOf(link, 'page').flatMap(({ l }) => (Array.isArray(l) ? l : []));
    expect(list[0]).toMatchObject({ o: 2, bytes: big.length });
    link.say({ t: 'history', th: 't', ref: 2, before: Object(list[0]).cur });
    await harness.clock.settle();
    const [older] = framesOf(link, 'page').flatMap(({ l, ref }) => (ref === 2 && Array.isArray(l) ? l : []));
    expect(older).toMatchObject({ o: 1, enc: 'base64', d: Buffer.from(small).toString('base64') });
  });
});

describe('bytes from a client', () => {
  const frameOf = (header: object, bytes: Uint8Array): Uint8Array =>
    Buffer.concat([Buffer.from(`${JSON.stringify(header)}\0`), bytes]);

  async function publisher(): Promise<{ link: FakeLink; heard: ClientMessage[] }> {
    const heard: ClientMessage[] = [];
    const onPublish = (message: ClientMessage): undefined => void heard.push(message);
    return { link: await connect({ takesBytes: true, onPublish }), heard };
  }

  it('reach onPublish as a Uint8Array of their own, as a binary frame or as base64', async () => {
    const { link, heard } = await publisher();
    const sent = someBytes(300);
    link.say(frameOf({ t: 'pub', th: 't', id: 'a', d: 'not this' }, sent));
    link.say({ t: 'pub', th: 't', id: 'b', enc: 'base64', d: Buffer.from(sent).toString('base64') });
    link.say(frameOf({ t: 'pub', th: 't', id: 'c' }, new Uint8Array()));
    await harness.clock.settle();
    expect(heard.map(({ data }) => data)).toEqual([sent, sent, new Uint8Array()]);
    expect(heard.every(({ data }) => data instanceof Uint8Array && data.buffer.byteLength === data.length)).toBe(true);
    expect(framesOf(link, 'ok').map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('cost what they weigh: too many of them are refused, or end the connection', async () => {
    const { link, heard } = await publisher();
    link.say(frameOf({ t: 'pub', th: 't', id: 'big' }, someBytes(70_000)));
    await harness.clock.settle();
    expect(framesOf(link, 'err')).toEqual([{ t: 'err', code: 'TC_MESSAGE_TOO_LARGE', th: 't', id: 'big' }]);
    for (let i = 0; i < 200; i++) link.say(frameOf({ t: 'pub', th: 't', id: `${i}` }, someBytes(60_000)));
    await harness.clock.settle();
    expect(link.closeCode).toBe(4429);
    expect(heard.length).toBeLessThan(100);
  });

  it.each([
    ['no header', Buffer.from([1, 2, 3])],
    ['an empty frame', Buffer.from([])],
    ['a header that is no JSON', Buffer.from('{"t":\0abc')],
    ['a request without bytes', Buffer.from('{"t":"join","th":"t"}\0abc')],
    ['a header without an end', Buffer.from(`{"t":"pub","th":"t","id":"a","tp":"${'x'.repeat(3_000)}"}\0abc`)],
  ])('with %s end the connection', async (_, frame) => {
    const { link, heard } = await publisher();
    link.say(frame);
    await harness.clock.settle();
    expect(link.closeCode).toBe(4400);
    expect(heard).toEqual([]);
  });

  it('with a header of a kind that the server does not know are ignored', async () => {
    const { link } = await publisher();
    link.say(frameOf({ t: 'later' }, someBytes(3)));
    await harness.clock.settle();
    expect(link.closeCode).toBeUndefined();
  });

  it('that are no base64 end the connection', async () => {
    const { link } = await publisher();
    link.say({ t: 'pub', th: 't', id: 'a', enc: 'base64', d: '***' });
    await harness.clock.settle();
    expect(link.closeCode).toBe(4400);
  });
});
