import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { blocksOf, compile, writeBlocks } from '../support/doc-blocks.ts';

const folder = fileURLToPath(new URL('node_modules/.cache/docs', import.meta.url));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('the blocks of docs/ai.md compile with the real AI SDK', () => {
  rmSync(folder, { recursive: true, force: true });
  const blocks = blocksOf('docs/ai.md');
  expect(blocks.length).toBeGreaterThanOrEqual(4);
  writeBlocks(folder, blocks, fileURLToPath(new URL('given.ts', import.meta.url)));
  expect(compile(folder)).toBe('');
});
