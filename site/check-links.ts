import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * Follows every link, image, script and style of the built site: the file must be there, and the anchor in it. Nothing may be loaded from
 * another host.
 */
export function checkLinks(dist: string): { readonly pages: number; readonly faults: readonly string[] } {
  const files = globSync('**/*.html', { cwd: dist });
  const faults: string[] = [];
  const anchors = new Map<string, ReadonlySet<string>>();
  const anchorsOf = (file: string): ReadonlySet<string> => {
    const known = anchors.get(file) ?? idsOf(readFileSync(`${dist}/${file}`, 'utf8'));
    anchors.set(file, known);
    return known;
  };
  for (const file of files) {
    const html = readFileSync(`${dist}/${file}`, 'utf8');
    for (const [, tag = '', attributes = ''] of html.matchAll(/<(a|img|script|link|source)\b([^>]*)>/g)) {
      const target = / (?:href|src)="([^"]*)"/.exec(` ${attributes}`)?.[1]?.replaceAll('&amp;', '&');
      if (target === undefined || target === '') continue;
      if (/^[a-z]+:/.test(target) || target.startsWith('//')) {
        if (tag !== 'a' && !target.startsWith('data:')) faults.push(`${file}: loads ${target}`);
        continue;
      }
      const [path = '', anchor] = target.split('#', 2);
      const found = fileOf(dist, file, path);
      if (found === undefined) faults.push(`${file}: no file for ${target}`);
      else if (anchor && found.endsWith('.html') && !anchorsOf(found).has(decodeURIComponent(anchor)))
        faults.push(`${file}: no anchor for ${target}`);
    }
  }
  return { pages: files.length, faults };
}

function idsOf(html: string): ReadonlySet<string> {
  return new Set([...html.matchAll(/ (?:id|name)="([^"]*)"/g)].map(([, id = '']) => id));
}

function fileOf(dist: string, from: string, path: string): string | undefined {
  if (path === '') return from;
  const absolute = decodeURI(path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(from), path));
  return [absolute, `${absolute}.html`, posix.join(absolute, 'index.html')].find(
    (name) => existsSync(`${dist}/${name}`) && statSync(`${dist}/${name}`).isFile(),
  );
}
