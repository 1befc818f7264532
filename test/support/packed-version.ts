import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The version before this one. */
export const PREVIOUS = { version: '0.1', commit: '6c96ad25a4ca80faf1f053a1f68219692cd7627b' };

/** Another version of this package, built as it was, in a directory of its own; it uses the dependencies of this one. */
export interface PackedVersion {
  /** The URL of an entry point's module. */
  entry(path: 'index.js' | 'client/index.js' | 'redis/index.js'): string;
  remove(): Promise<void>;
}

/** False in a shallow clone, and in a source tree that is none. */
export const hasHistory = (commit: string): Promise<boolean> =>
  run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root }).then(
    () => true,
    () => false,
  );

export async function packVersion(commit: string): Promise<PackedVersion> {
  const dir = await mkdtemp(join(tmpdir(), 'threadcast-version-'));
  const archive = join(dir, 'source.tar');
  await run(
    'git',
    ['archive', '--output', archive, commit, 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json'],
    {
      cwd: root,
    },
  );
  await run('tar', ['-xf', archive, '-C', dir]);
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: dir,
  });
  return {
    entry: (path) => pathToFileURL(join(dir, 'dist', path)).href,
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
