import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'vite';

const ENTRY = fileURLToPath(new URL('../../src/react/index.ts', import.meta.url));

/** What a page gets that has React and the client, and imports these names. */
async function bytesOf(names: readonly string[]): Promise<number> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'page' ? id : undefined),
        load: (id) => (id === 'page' ? `export { ${names.join()} } from ${JSON.stringify(ENTRY)};` : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input: 'page', preserveEntrySignatures: 'strict', external: [/^react$/, /\/client\//] },
    },
  });
  const [chunk, ...others] = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  expect(others).toEqual([]);
  if (chunk?.type !== 'chunk') throw new Error('no chunk was built');
  expect(chunk.exports.toSorted()).toEqual(names.toSorted());
  return brotliCompressSync(chunk.code).length;
}

const HOOKS = ['ThreadcastProvider', 'useClient', 'useConnection', 'useStream', 'useThread'];

test('the hooks are small, and presence is paid for by pages that show it', async () => {
  expect(await bytesOf(HOOKS)).toBeLessThanOrEqual(3_072);
  expect(await bytesOf([...HOOKS, 'useUnread'])).toBeLessThanOrEqual(4_096);
  expect(await bytesOf([...HOOKS, 'usePresence'])).toBeLessThanOrEqual(4_096);
  // with threadcast/presence in it
  expect(await bytesOf([...HOOKS, 'usePresence', 'useTyping', 'useUnread'])).toBeLessThanOrEqual(4_736);
});
