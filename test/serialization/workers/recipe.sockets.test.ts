import { expect, test } from 'vitest';
import { InvalidOptionError } from '../../../src/infra/errors.ts';
import { inWorker, isRecipe } from '../../../src/infra/serialization/workers/recipe.ts';

test('names a module, an export and arguments, and does not change', () => {
  const recipe = inWorker(new URL('file:///app/report.js'), { month: 1 }, { export: 'monthly' });
  expect(recipe).toMatchObject({ url: 'file:///app/report.js', exportName: 'monthly', args: { month: 1 } });
  expect(Object.isFrozen(recipe)).toBe(true);
  expect(inWorker('data:text/javascript,export default () => 1').exportName).toBe('default');
});

test('is told from a message that only looks like one', () => {
  const recipe = inWorker('file:///app/report.js');
  expect(isRecipe(recipe)).toBe(true);
  expect(isRecipe(structuredClone(recipe))).toBe(false);
  expect(isRecipe(null)).toBe(false);
});

test.each(['https://example.org/report.js', 'node:fs', './report.js', '', 'blob:nodedata:1'])(
  'a worker does not load %j',
  (url) => {
    expect(() => inWorker(url)).toThrow(InvalidOptionError);
  },
);

test('an export has a name', () => {
  expect(() => inWorker('file:///app/report.js', undefined, { export: '' })).toThrow(InvalidOptionError);
});
