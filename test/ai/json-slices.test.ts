import { expect, it } from 'vitest';
import { parseInSlices } from '../../src/ai/json-slices.ts';

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
