import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { expect, it, onTestFinished } from 'vitest';

const run = promisify(execFile);
const fixture = (name: string): string => new URL(name, import.meta.url).pathname;

const WITHOUT_WORKERS = {
  codes: ['TC_WORKER_FAILED', 'TC_WORKER_FAILED', 'TC_WORKER_FAILED', 'TC_WORKER_FAILED'],
  texts: ['here', 'plain'],
  errors: [],
  state: 'stopped',
};

it('where a process may have no workers, recipes are refused, or built here, and the hub ends in peace', async () => {
  const { stdout } = await run(
    process.execPath,
    ['--permission', '--allow-fs-read=*', fixture('workers/fixtures/without-workers.ts')],
    { timeout: 500_000 },
  );
  expect(JSON.parse(stdout)).toEqual(WITHOUT_WORKERS);
});

it('a bundle in CommonJS, which has no import.meta.url, loads and serves; only recipes find no worker', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'threadcast-bundle-'));
  onTestFinished(() => rm(outDir, { recursive: true }));
  await build({
    configFile: false,
    logLevel: 'silent',
    // what esbuild makes of it
    define: { 'import.meta.url': 'undefined' },
    ssr: { noExternal: true },
    build: {
      ssr: fixture('fixtures/bundled-server.ts'),
      outDir,
      minify: false,
      rolldownOptions: { output: { format: 'cjs', entryFileNames: 'server.cjs', codeSplitting: false } },
    },
  });
  const { stdout } = await run(process.execPath, [join(outDir, 'server.cjs')], { timeout: 500_000 });
  expect(JSON.parse(stdout)).toEqual({
    got: { hello: 1 },
    recipe: 'TC_WORKER_FAILED',
    page: { status: 500, body: expect.objectContaining({ error: 'TC_INSPECTOR_NO_PAGE' }) },
  });
});
