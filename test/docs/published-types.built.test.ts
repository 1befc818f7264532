import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const { exports }: { exports: Record<string, string> } = JSON.parse(
  readFileSync(new URL('package.json', root), 'utf8'),
);
const subpaths = Object.entries(exports).filter(([, file]) => file.endsWith('.js'));

/** The modules that the declarations of a subpath, followed from file to file, want types of. */
function typesWantedBy(entry: URL, seen = new Set<string>()): Set<string> {
  const wanted = new Set<string>();
  if (seen.has(entry.href)) return wanted;
  seen.add(entry.href);
  const text = readFileSync(entry, 'utf8');
  for (const [, name = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
    if (name.startsWith('.')) {
      const file = new URL(name.replace(/\.[jt]s$/, '.d.ts'), entry);
      for (const more of typesWantedBy(file, seen)) wanted.add(more);
    } else wanted.add(name);
  }
  return wanted;
}

/** Dependencies that bring their own types, and the peer that only its subpath needs. `ws` brings none. */
const packages: Readonly<Record<string, readonly string[]>> = {
  '.': ['@opentelemetry/api', 'xstate'],
  './ai': ['@opentelemetry/api'],
  './ai/client': [],
  './ai/tanstack': [],
  './chunks': [],
  './client': [],
  './client/sse': [],
  './define': [],
  './http': ['@opentelemetry/api'],
  './inspector': ['@opentelemetry/api', 'xstate'],
  './machines': ['xstate'],
  './pool': ['@opentelemetry/api', 'xstate'],
  './postgres': ['@opentelemetry/api'],
  './presence': [],
  './react': ['react'],
  './redis': ['@opentelemetry/api', 'redis'],
  './testing': ['@opentelemetry/api'],
  './use/crossws': ['@opentelemetry/api'],
  './use/express': ['@opentelemetry/api'],
  './use/fastify': ['@opentelemetry/api'],
  './use/hono': ['@opentelemetry/api'],
  './use/nestjs': ['@opentelemetry/api'],
  './use/next': ['@opentelemetry/api'],
  './use/ws': ['@opentelemetry/api'],
  './bytes': [],
  './values': [],
};

const browsers = [
  './ai/client',
  './ai/tanstack',
  './chunks',
  './bytes',
  './client',
  './client/sse',
  './define',
  './presence',
  './react',
  './values',
];

it.each(subpaths)('the types of %s need nothing that a user may not have', (subpath, file) => {
  const wanted = typesWantedBy(new URL(file.replace(/\.js$/, '.d.ts'), root));
  // browsers have no types of Node
  const foreign = [...wanted].filter((name) => browsers.includes(subpath) || !name.startsWith('node:'));
  expect(foreign.toSorted()).toEqual(packages[subpath]);
});
