import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { chatFrameInSlices } from '../../src/ai/chat-frames.ts';
import { decodeInSlices, parseInSlices } from '../../src/ai/json-slices.ts';
import { LoopCpu } from '../support/loop-cpu.ts';

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
};

it.each(Object.entries(HEAVY))('%s, 4 MiB of it, holds the loop for a few milliseconds at a time', async (_, json) => {
  const data = Buffer.from(json);
  const loop = new LoopCpu();
  const longest: number[] = [];
  for (let round = 0; round < 4; round++) {
    await turn();
    loop.reset();
    await chatFrameInSlices(await parseInSlices(await decodeInSlices(data, turn), turn), turn);
    longest.push(loop.longestMs);
  }
  loop.stop();
  // in one go it is 40 to 200; the thread's clock has ticks of 4 ms, and the collector of garbage runs when it wants
  expect(Math.min(...longest)).toBeLessThan(25);
});

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
