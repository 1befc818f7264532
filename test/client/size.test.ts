import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'vite';

/** What a page that uses the client pays, at most. */
const LIMIT_BYTES = 9_728;

test('the whole client, minified, is small, and imports nothing', async () => {
  const input = fileURLToPath(new URL('../../src/client/index.ts', import.meta.url));
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input, preserveEntrySignatures: 'strict' },
    },
  });
  const chunks = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  expect(chunks).toHaveLength(1);
  const [chunk] = chunks;
  if (chunk?.type !== 'chunk') throw new Error('no chunk was built');
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
  expect(chunk.exports).toContain('connect');
  expect(brotliCompressSync(chunk.code).length).toBeLessThanOrEqual(LIMIT_BYTES);
});
