import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEFECTS } from './defects.ts';

test('each planted defect names code that its file has once', () => {
  const lost = DEFECTS.filter(({ file, code }) => {
    const source = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    return source.split(code).length !== 2;
  });
  expect(lost.map(({ name }) => name)).toEqual([]);
});
