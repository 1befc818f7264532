import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import { build as buildWithEsbuild } from 'esbuild';
import { expect, it } from 'vitest';
import { build as buildWithVite } from 'vite';
import webpack from 'webpack';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Here an application finds the packed package, and the peers of its entries. */
const folder = fileURLToPath(new URL('node_modules/.cache/packaging', import.meta.url));
const place = fileURLToPath(new URL('node_modules/threadcast', import.meta.url));

const { exports }: { exports: Record<string, string> } = JSON.parse(readFileSync(`${place}/package.json`, 'utf8'));
const entries = Object.entries(exports).flatMap(([entry, file]) => (file.endsWith('.js') ? [entry.slice(1)] : []));

function write(name: string, files: Readonly<Record<string, string>>): string {
  const dir = `${folder}/${name}`;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(`${dir}/${file}`, text);
  return dir;
}

/** A program that uses the types of every entry. */
const PROGRAM = `${entries.map((entry, i) => `import * as entry${i} from 'threadcast${entry}';`).join('\n')}
import { createHub, type Hub } from 'threadcast';
import { connect } from 'threadcast/client';
const hub: Hub = createHub();
export const receipt: Promise<{ id: string }> = hub.thread('t').send({ text: 'hi' });
export const text: Promise<{ messageId: string }> = connect('ws://localhost').publish('t', 'hi');
export const all = [${entries.map((_, i) => `entry${i}`).join()}];
`;

it.each([
  ['nodenext', 'nodenext', 'module'],
  ['node16', 'node16', 'module'],
  ['bundler', 'esnext', 'module'],
  // CommonJS requires ES modules: nodenext knows that
  ['nodenext', 'nodenext', 'commonjs'],
])(
  'a project with moduleResolution %s compiles every entry, library checks on (%s, %s)',
  async (moduleResolution, module, type) => {
    const dir = write(`types-${moduleResolution}-${type}`, {
      'package.json': JSON.stringify({ type }),
      'main.ts': PROGRAM,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          module,
          moduleResolution,
          target: 'es2023',
          lib: ['es2024', 'dom'],
          types: ['node', 'react'],
          strict: true,
          skipLibCheck: false,
          noEmit: true,
        },
        include: ['main.ts'],
      }),
    });
    const { stdout } = await run(`${root}node_modules/.bin/tsc`, ['-p', dir]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  },
);

/** Pages, each with what it imports. React is the page's own. */
const PAGES: Readonly<Record<string, string>> = {
  client: `import { connect } from 'threadcast/client'; globalThis.app = connect;`,
  'client and react': `import { connect } from 'threadcast/client';
    import { ThreadcastProvider, useThread, useConnection, useStream } from 'threadcast/react';
    globalThis.app = [connect, ThreadcastProvider, useThread, useConnection, useStream];`,
  'client, values and all of react': `import { connect } from 'threadcast/client'; import { values } from 'threadcast/values';
    import * as react from 'threadcast/react'; globalThis.app = [connect, values, Object.values(react)];`,
  'client and ai client': `import { connect } from 'threadcast/client'; import * as ai from 'threadcast/ai/client';
    globalThis.app = [connect, Object.values(ai)];`,
};

const sizeOf = (code: string | Uint8Array): number => brotliCompressSync(code).length;

async function esbuildSize(input: string): Promise<number> {
  const { outputFiles } = await buildWithEsbuild({
    entryPoints: [input],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    external: ['react'],
  });
  return sizeOf(outputFiles[0]?.contents ?? '');
}

async function viteSize(input: string): Promise<number> {
  const built = await buildWithVite({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, target: 'es2022', modulePreload: false, rolldownOptions: { input, external: ['react'] } },
  });
  const [chunk] = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  if (chunk?.type !== 'chunk') throw new Error('no chunk was built');
  return sizeOf(chunk.code);
}

async function webpackSize(input: string): Promise<number> {
  const path = `${input}.webpack`;
  const compiler = webpack({
    mode: 'production',
    entry: input,
    target: ['web', 'es2022'],
    experiments: { outputModule: true },
    externalsType: 'module',
    externals: { react: 'react' },
    output: { path, filename: 'page.js', module: true },
  });
  await new Promise<void>((resolve, reject) => {
    compiler?.run((error, stats) => {
      if (error !== null || stats === undefined) reject(error ?? new Error('no stats'));
      else if (stats.hasErrors()) reject(new Error(stats.toString('errors-only')));
      else resolve();
    });
  });
  return sizeOf(readFileSync(`${path}/page.js`));
}

it('esbuild, vite and webpack bundle pages, as small as the docs say', async () => {
  const dir = write(
    'pages',
    Object.fromEntries(Object.entries(PAGES).map(([name, code], i) => [`page${i}.js`, `// ${name}\n${code}`])),
  );
  const rows: Record<string, readonly number[]> = {};
  for (const [i, name] of Object.keys(PAGES).entries()) {
    const input = `${dir}/page${i}.js`;
    rows[name] = [await esbuildSize(input), await viteSize(input), await webpackSize(input)];
  }
  const table = [
    ...readFileSync(`${root}docs/react.md`, 'utf8').matchAll(
      /^\| ([a-z, ]+?) +\| ([\d.]+) KB +\| ([\d.]+) KB +\| ([\d.]+) KB +\|$/gm,
    ),
  ];
  const said = Object.fromEntries(table.map(([, name = '', ...sizes]) => [name, sizes.map(Number)]));
  expect(Object.keys(said)).toEqual(Object.keys(rows));
  for (const [name, sizes] of Object.entries(rows)) {
    const within = sizes.every((bytes, i) => Math.abs(bytes / 1_000 - (said[name]?.[i] ?? 0)) <= 0.35);
    expect(within, `${name}: ${sizes.join()} bytes, and docs/react.md says ${said[name]?.join()} KB`).toBe(true);
  }
});

it('the tests of docs/testing.md run with the packed package', async () => {
  const page = readFileSync(`${root}docs/testing.md`, 'utf8');
  const blocks = [...page.matchAll(/^<!-- test: run -->\n\n```ts\n(.*?)^```/gms)].map(([, code = '']) => code);
  expect(blocks.length).toBe(2);
  for (const [i, code] of blocks.entries()) {
    // Node strips no types in node_modules
    const dir = write('testing', { [`test-${i}.mjs`]: stripTypeScriptTypes(code) });
    await run(process.execPath, [`${dir}/test-${i}.mjs`]);
  }
});
