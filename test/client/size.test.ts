import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'vite';

/** What a page that uses the client pays, at most. */
const LIMIT_BYTES = 9_728;

/** What the fallback adds. */
const SSE_BYTES = 1_536;

/** What a page pays for streams of chunks, besides the client. */
const CHUNKS_BYTES = 1_700;

test.each([
  ['the whole client', '../../src/client/index.ts', 'connect', LIMIT_BYTES],
  ['its other way, by SSE', '../../src/client/sse.ts', 'sse', SSE_BYTES],
  ['the client with streams of chunks', '../../src/chunks/index.ts', 'updatesOf', LIMIT_BYTES + CHUNKS_BYTES],
])('%s, minified, is small, and imports nothing', async (_, path, name, limit) => {
  const input = fileURLToPath(new URL(path, import.meta.url));
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
  expect(chunk.exports).toContain(name);
  expect(brotliCompressSync(chunk.code).length).toBeLessThanOrEqual(limit);
});
