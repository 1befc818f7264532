/**
 * Builds dist: `node scripts/build.ts [--if-stale]`. It is made beside the old one and then takes its place, so that a program that uses dist
 * meanwhile never finds it empty. With `--if-stale` there is nothing to do where dist is newer than its sources.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildInspector } from './build-inspector.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = `${root}dist`;
const draft = `${dist}.${process.pid}`;

/** Written last. */
const LAST_FILE = `${dist}/inspector/page/charts.json`;

function isStale(): boolean {
  if (!existsSync(LAST_FILE)) return true;
  const builtAt = statSync(LAST_FILE).mtimeMs;
  const sources = globSync(['src/**/*.*', 'scripts/*.ts', 'tsconfig*.json', 'package.json'], { cwd: root });
  return sources.some((path) => statSync(root + path).mtimeMs > builtAt);
}

async function build(): Promise<void> {
  const args = ['-p', `${root}tsconfig.build.json`, '--outDir', draft];
  const { status } = spawnSync(`${root}node_modules/.bin/tsc`, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error('the sources do not compile');
  await buildInspector(`${draft}/inspector/page/`);
  const old = `${draft}.old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(draft, dist);
  rmSync(old, { recursive: true, force: true });
}

if (!process.argv.includes('--if-stale') || isStale()) {
  process.stdout.write('building dist, some ten seconds …\n');
  try {
    await build();
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
