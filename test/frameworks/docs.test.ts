import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = fileURLToPath(new URL('node_modules/.cache/docs', import.meta.url));

it('the examples of docs/frameworks.md compile with the real frameworks', () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(`${root}docs/frameworks.md`, 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(?:\/\/ (\S+)\n)?(.*?)^```/gms)];
  expect(blocks.length).toBe(8);
  blocks.forEach(([, name, code], i) => writeFileSync(`${folder}/${name ?? `block-${i}.ts`}`, `${code}\nexport {};\n`));
  const compilerOptions = {
    strict: true,
    target: 'es2023',
    lib: ['es2024', 'dom', 'dom.iterable'],
    module: 'esnext',
    moduleResolution: 'bundler',
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  };
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  writeFileSync(`${folder}/package.json`, '{"type":"module"}');
  try {
    execFileSync(`${root}node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8' });
  } catch (error) {
    expect.fail(error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error));
  }
});
