import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'vite';

/** What a page that shares its definitions with the server pays for `defineThread`, at most. */
const LIMIT_BYTES = 2_048;

test('threadcast/define is small, and imports nothing', async () => {
  const input = fileURLToPath(new URL('../../src/define/index.ts', import.meta.url));
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
  const [chunk, ...others] = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  if (chunk?.type !== 'chunk') throw new Error('no chunk was built');
  expect(others).toEqual([]);
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
  expect(chunk.code).not.toMatch(/\b(Buffer|process|node:)\b/);
  expect(brotliCompressSync(chunk.code).length).toBeLessThanOrEqual(LIMIT_BYTES);
});
