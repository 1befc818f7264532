import { expect, it, onTestFinished, vi } from 'vitest';
import { chatFrameInSlices } from '../../src/ai/chat-frames.ts';
import { parseInSlices } from '../../src/infra/serialization/json-slices.ts';

const nextTurn = (): Promise<void> => Promise.resolve();
const parseText = (text: string, most?: Readonly<Record<string, number>>): Promise<unknown> =>
  parseInSlices(Buffer.from(text), nextTurn, most);

it.each([3_000, 60_000, 200_000])(
  'a text of %i levels is refused, or short enough to be parsed at once',
  async (levels) => {
    const parsed = parseText('['.repeat(levels) + ']'.repeat(levels));
    await expect(parsed).rejects.toThrow(SyntaxError);
  },
);

it('what is flat is parsed as JSON.parse does', async () => {
  const value = { list: Array.from({ length: 20_000 }, (_, i) => [i, `text, "${i}" [`]), __proto__: null };
  const text = JSON.stringify(value);
  expect(await parseText(text)).toEqual(JSON.parse(text));
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
    // a millisecond passes with each look at the clock: after two, there is a turn
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now++);
    const parse = vi.spyOn(JSON, 'parse');
    onTestFinished(() => void vi.restoreAllMocks());
    const sizes: number[] = [];
    const turned = (): Promise<void> => {
      sizes.push(parse.mock.calls.reduce((sum, [input]) => sum + input.length, 0));
      parse.mockClear();
      return Promise.resolve();
    };
    const frame = await chatFrameInSlices(await parseInSlices(data, turned), turned);
    await turned();
    expect(frame).toMatchObject({ type: 'send', id: 'c' });
    // a long text goes in pieces of 256 KiB, which take a millisecond each
    expect(Math.max(...sizes)).toBeLessThan(4 * 260 * 1024);
  },
);

it('a text that is cut is that of JSON.parse, wherever the escapes are', async () => {
  for (let shift = 0; shift < 14; shift++) {
    const json = JSON.stringify(['-'.repeat(256 * 1024 - 8 - shift) + '\\\\"\u0001\ud83d\ude00\ud83d'.repeat(30_000)]);
    expect(await parseText(json)).toEqual(JSON.parse(json));
  }
});

it('a text that is cut is that of JSON.parse, wherever its characters of several bytes are', async () => {
  for (const character of ['\u00e9', '\u20ac', '\u{1f600}', '\ufeff', '\ufeff\\'])
    for (let shift = 0; shift < 6; shift++) {
      const json = JSON.stringify(['-'.repeat(shift) + character.repeat(400_000)]);
      expect(JSON.stringify(await parseText(json)) === json).toBe(true);
    }
});

const long = 'x'.repeat(300_000);
it.each([
  ['a text', `["${long}!${long}"]`],
  ['a key', `{"a!":"${long}"}`],
  ['what is between elements', `["${long}"!,1]`],
])('bytes that are no UTF-8 in %s are refused', async (_, json) => {
  const data = Buffer.from(json);
  data[data.indexOf('!')] = 0xff;
  await expect(parseInSlices(data, nextTurn)).rejects.toThrow(Error);
});

it.each([
  ['space', `[${' '.repeat(1_000_000)}1]`],
  ['a key', `{"${'k'.repeat(1_000_000)}":1}`],
  ['a row of backslashes', `["${'\\\\'.repeat(500_000)}", 2]`],
  ['names', `[{"a":1,${Array.from({ length: 100_000 }, (_, i) => `"n${i}":1`).join()}}]`],
  ['a number', `[${'1'.repeat(1_000_000)},2]`],
])('%s without end is refused', async (_, json) => {
  await expect(parseText(json)).rejects.toThrow(SyntaxError);
});

it('a member that is looked at in one go has a limit', async () => {
  const json = JSON.stringify({ headers: { a: 'x'.repeat(10_000) }, body: 'x'.repeat(20_000) });
  await expect(parseText(json, { headers: 1_000 })).rejects.toThrow('too long');
  expect(await parseText(json, { headers: 50_000 })).toEqual(JSON.parse(json));
});
