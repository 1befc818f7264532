import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { slugOf } from '../../site/slug.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = globSync(
  [
    '*.md',
    'docs/**/*.md',
    'skills/**/*.md',
    'src/**/README.md',
    'test/README.md',
    'site/README.md',
    'native/README.md',
    '{examples,bench}/*/README.md',
  ],
  { cwd: root },
);

/** Without what is code. */
const prose = (text: string): string => text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '``');

const anchors = new Map<string, ReadonlySet<string>>();
function anchorsOf(file: string): ReadonlySet<string> {
  const known = anchors.get(file);
  if (known !== undefined) return known;
  const slugs = new Set<string>();
  for (const [, heading = ''] of readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)) {
    const slug = slugOf(heading);
    let name = slug;
    for (let n = 1; slugs.has(name); n++) name = `${slug}-${n}`;
    slugs.add(name);
  }
  anchors.set(file, slugs);
  return slugs;
}

it('every link of the repository’s pages leads to a file, and to a heading of it', () => {
  const lost: string[] = [];
  let count = 0;
  for (const page of pages) {
    for (const [, target = ''] of prose(readFileSync(root + page, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      count++;
      const [path = '', anchor] = target.split('#', 2);
      const file = path === '' ? root + page : join(root, dirname(page), path);
      if (!existsSync(file)) lost.push(`${page}: ${target}`);
      else if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor))
        lost.push(`${page}: ${target}`);
    }
  }
  expect(lost).toEqual([]);
  expect(count).toBeGreaterThan(300);
});
