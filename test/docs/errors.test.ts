import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as client from '../../src/client/index.ts';
import * as server from '../../src/index.ts';

const root = new URL('../../', import.meta.url);
const [, onTheServer = '', inTheClient = ''] = readFileSync(new URL('docs/errors.md', root), 'utf8').split(/^## /m);

/** Code and class of every error of a source, by its text: a file, or the files of a directory. */
function declared(path: string): string[] {
  const files = path.endsWith('/') ? readdirSync(new URL(path, root)).map((name) => path + name) : [path];
  const source = files.map((file) => readFileSync(new URL(file, root), 'utf8')).join('');
  return [
    ...source.matchAll(/^export class (\w+) extends (?:\w+ \{\n {2}readonly code = |errorOf<\s*)'(TC_\w+)'/gm),
  ].map(([, name, code]) => `${code} ${name}`);
}

it.each([
  ['server', 'src/infra/errors/', onTheServer, server],
  ['client', 'src/client/errors.ts', inTheClient, client],
])('every error of the %s can be caught by its class, and is in the docs with its code', (_, path, page, names) => {
  const errors = declared(path);
  expect(errors.length).toBeGreaterThan(8);
  const documented = [...page.matchAll(/^\| `(TC_\w+)` +\| `(\w+)`/gm)].map(([, code, name]) => `${code} ${name}`);
  expect(documented.toSorted()).toEqual(errors.toSorted());
  expect(errors.map((error) => error.split(' ')[1]).filter((name = '') => !(name in names))).toEqual([]);
});
