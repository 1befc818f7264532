import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'vite';

/** What the hooks add to a page that has React and the client, at most. */
const LIMIT_BYTES = 4_096;

test('the hooks are small', async () => {
  const input = fileURLToPath(new URL('../../src/react/index.ts', import.meta.url));
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input, preserveEntrySignatures: 'strict', external: [/^react$/, /\/client\//] },
    },
  });
  const [chunk, ...others] = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  expect(others).toEqual([]);
  if (chunk?.type !== 'chunk') throw new Error('no chunk was built');
  expect(chunk.exports).toContain('useThread');
  expect(brotliCompressSync(chunk.code).length).toBeLessThanOrEqual(LIMIT_BYTES);
});
