import { expect, it, onTestFinished, vi } from 'vitest';
import { chatFrameInSlices } from '../../src/ai/chat-frames.ts';
import { decodeInSlices, parseInSlices } from '../../src/infra/serialization/json-slices.ts';

const nextTurn = (): Promise<void> => Promise.resolve();

it.each([3_000, 60_000, 200_000])(
  'a text of %i levels is refused, or short enough to be parsed at once',
  async (levels) => {
    const parsed = parseInSlices('['.repeat(levels) + ']'.repeat(levels), nextTurn);
    await expect(parsed).rejects.toThrow(SyntaxError);
  },
);

it('what is flat is parsed as JSON.parse does', async () => {
  const value = { list: Array.from({ length: 20_000 }, (_, i) => [i, `text, "${i}" [`]), __proto__: null };
  const text = JSON.stringify(value);
  expect(await parseInSlices(text, nextTurn)).toEqual(JSON.parse(text));
});

/** What a client may send at most by default, in forms that take long. */
const MOST = 4 * 1024 * 1024;
const head = '{"type":"send","requestId":"r","id":"c","trigger":"submit-message","headers":{},"body":{},"messages":[';
const wrap = (parts: string): string => `${head}{"id":"u","role":"user","parts":[${parts}]}]}`;
const text = (unit: string): string => wrap(`{"type":"text","text":"${unit.repeat(MOST / unit.length)}"}`);
const HEAVY: Readonly<Record<string, string>> = {
  'a long text': text('x'),
  'characters of three bytes': text('\u20ac'),
  'escaped quotes': text('\\"'),
  'escapes of six units': text('\\u0041'),
  'short messages': `${head}${Array.from({ length: 9_000 }, (_, i) => JSON.stringify({ id: `u${i}`, role: 'user', parts: [{ type: 'text', text: 'word '.repeat(75) }] })).join()}]}`,
  'small elements': wrap(`{"type":"data-list","data":[${Array.from({ length: 500_000 }, () => '[{}]').join()}]}`),
};

it.each(Object.entries(HEAVY))(
  '%s, 4 MiB of it, is looked at in small pieces, with turns between them',
  async (_, json) => {
    const data = Buffer.from(json);
    // a millisecond passes with each look at the clock: after three, there is a turn
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now++);
    const [parse, decode] = [vi.spyOn(JSON, 'parse'), vi.spyOn(TextDecoder.prototype, 'decode')];
    onTestFinished(() => void vi.restoreAllMocks());
    const sizes: { parsed: number; decoded: number }[] = [];
    const turned = (): Promise<void> => {
      const lengths = (calls: readonly (readonly [input?: unknown, ...more: unknown[]])[]): number =>
        calls.reduce((sum, [input]) => sum + Number(Reflect.get(Object(input ?? ''), 'length')), 0);
      sizes.push({ parsed: lengths(parse.mock.calls), decoded: lengths(decode.mock.calls) });
      parse.mockClear();
      decode.mockClear();
      return Promise.resolve();
    };
    const frame = await chatFrameInSlices(await parseInSlices(await decodeInSlices(data, turned), turned), turned);
    await turned();
    expect(frame).toMatchObject({ type: 'send', id: 'c' });
    const [mostParsed, mostDecoded] = [sizes.map(({ parsed }) => parsed), sizes.map(({ decoded }) => decoded)].map(
      (all) => Math.max(...all),
    );
    // a long text goes in pieces of 256 KiB, which take a millisecond each
    expect(mostParsed).toBeLessThan(4 * 260 * 1024);
    expect(mostDecoded).toBeLessThanOrEqual(512 * 1024);
  },
);

it('a text that is cut is that of JSON.parse, wherever the escapes are', async () => {
  for (let shift = 0; shift < 14; shift++) {
    const json = JSON.stringify(['-'.repeat(256 * 1024 - 8 - shift) + '\\\\"\u0001\ud83d\ude00\ud83d'.repeat(30_000)]);
    expect(await parseInSlices(json, nextTurn)).toEqual(JSON.parse(json));
  }
});

it.each([
  ['space', `[${' '.repeat(1_000_000)}1]`],
  ['a key', `{"${'k'.repeat(1_000_000)}":1}`],
  ['a row of backslashes', `["${'\\\\'.repeat(500_000)}", 2]`],
  ['names', `[{"a":1,${Array.from({ length: 100_000 }, (_, i) => `"n${i}":1`).join()}}]`],
  ['a number', `[${'1'.repeat(1_000_000)},2]`],
])('%s without end is refused', async (_, json) => {
  await expect(parseInSlices(json, nextTurn)).rejects.toThrow(SyntaxError);
});

it('a member that is looked at in one go has a limit', async () => {
  const json = JSON.stringify({ headers: { a: 'x'.repeat(10_000) }, body: 'x'.repeat(20_000) });
  await expect(parseInSlices(json, nextTurn, { headers: 1_000 })).rejects.toThrow('too long');
  expect(await parseInSlices(json, nextTurn, { headers: 50_000 })).toEqual(JSON.parse(json));
});
