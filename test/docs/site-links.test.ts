import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { checkLinks } from '../../site/check-links.ts';
import { sections } from '../../site/pages.ts';
import { slugOf } from '../../site/slug.ts';

const dist = mkdtempSync(join(tmpdir(), 'threadcast-site-'));
afterAll(() => rmSync(dist, { recursive: true, force: true }));

it('finds pages, anchors and files that are not there, and what another host would serve', () => {
  mkdirSync(`${dist}/api`);
  writeFileSync(
    `${dist}/index.html`,
    '<a href="/api/">API</a> <a href="api/client.html#join">join</a> <a href="#here">x</a>',
  );
  writeFileSync(`${dist}/api/index.html`, '<a href="../index.html">home</a> <a href="https://example.org/">other</a>');
  writeFileSync(`${dist}/api/client.html`, '<h2 id="join">join</h2> <a href="./server">lost</a>');
  writeFileSync(
    `${dist}/bad.html`,
    '<img src="pic.png"><a href="/api/client.html#leave">x</a><script src="https://cdn.example/x.js">',
  );
  expect(checkLinks(dist)).toEqual({
    pages: 4,
    faults: expect.arrayContaining([
      'index.html: no anchor for #here',
      'api/client.html: no file for ./server',
      'bad.html: no file for pic.png',
      'bad.html: no anchor for /api/client.html#leave',
      'bad.html: loads https://cdn.example/x.js',
    ]),
  });
  expect(checkLinks(dist).faults).toHaveLength(5);
});

it('has each page of docs in its menu, site/pages.ts', () => {
  const names = readdirSync('docs').filter((file) => file.endsWith('.md'));
  const inMenu = new Set(sections.flatMap(({ pages }) => pages.map(({ page }) => `${page}.md`)));
  expect(names.filter((name) => name !== 'index.md' && !inMenu.has(name))).toEqual([]);
});

it.each([
  ['With `threadcast/client`', 'with-threadcastclient'],
  ['50 MB while small messages flow', '50-mb-while-small-messages-flow'],
  ['Sign out, kick, ban', 'sign-out-kick-ban'],
])('makes the anchor of %s as GitHub does', (heading, slug) => {
  expect(slugOf(heading)).toBe(slug);
});
