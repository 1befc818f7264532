import { copyFileSync, existsSync, globSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { blocksOf, compile, writeBlocks } from '../support/doc-blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}node_modules/.cache/threadcast-doc-blocks`;

/** Their blocks are compiled beside the packages that they import: `test/ai/docs.test.ts` and `test/frameworks/docs.test.ts`. */
const ELSEWHERE = ['docs/ai.md', 'docs/frameworks.md'];
/** The client of another project, with which `test/conformance` runs its block. */
const OF_OTHERS = "from '@durable-streams/client'";

const PAGES = globSync(['*.md', 'docs/*.md', 'skills/**/*.md', '{examples,bench}/*/README.md', 'src/**/README.md'], {
  cwd: root,
}).filter((page) => !ELSEWHERE.includes(page));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A name that a block uses and its reader has is declared in `given/<page>.ts`. */
it('what the pages tell to copy compiles against the built package', () => {
  rmSync(folder, { recursive: true, force: true });
  let count = 0;
  for (const page of PAGES) {
    const blocks = blocksOf(page).filter(({ code }) => !code.includes(OF_OTHERS));
    if (blocks.length === 0) continue;
    count += blocks.length;
    const name = basename(page, '.md');
    const given = `${root}test/docs/given/${name}.ts`;
    writeBlocks(`${folder}/${name}`, blocks, existsSync(given) ? given : undefined);
  }
  expect(count).toBeGreaterThan(60);
  // what the page imports by its file name
  copyFileSync(`${root}examples/sqlite-log.ts`, `${folder}/logs/sqlite-log.ts`);
  expect(compile(folder)).toBe('');
});
