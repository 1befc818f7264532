import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}node_modules/.cache/threadcast-doc-blocks`;
const PAGES = [
  'README.md',
  ...[
    'auth',
    'chat',
    'deployment',
    'logs',
    'migration',
    'pool',
    'quickstart',
    'react',
    'relay',
    'sending',
    'slow-clients',
    'testing',
  ].map((name) => `docs/${name}.md`),
  'skills/threadcast/SKILL.md',
];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('what these pages tell to copy compiles against the built package', () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const blocks = PAGES.flatMap((page) =>
    [...readFileSync(root + page, 'utf8').matchAll(/^```(tsx?)\n(.*?)^```/gms)].map(
      ([, type = 'ts', code = ''], i) => ({
        name: `${basename(page, '.md')}-${i + 1}.${type}`,
        code,
      }),
    ),
  );
  expect(blocks.length).toBeGreaterThan(20);
  // what the pages import by its file name
  copyFileSync(`${root}examples/sqlite-log.ts`, `${folder}/sqlite-log.ts`);
  for (const { name, code } of blocks) writeFileSync(`${folder}/${name}`, `${code}\nexport {};\n`);
  const compilerOptions = {
    strict: true,
    target: 'es2023',
    lib: ['es2024', 'dom', 'dom.iterable', 'esnext.asynciterable'],
    module: 'nodenext',
    jsx: 'react-jsx',
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    types: ['node'],
    paths: {
      threadcast: [`${root}dist/index.d.ts`],
      'threadcast/*': [`${root}dist/*/index.d.ts`],
    },
  };
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, include: ['*.ts', '*.tsx'] }));
  writeFileSync(`${folder}/package.json`, '{"type":"module"}');
  const { stdout } = spawnSync(`${root}node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8', cwd: folder });
  expect(stdout).toBe('');
});
