import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** Methods of the slicer's classes that every element goes through. */
const hot = ['nativeCost', 'add', 'step'];

it('code that was compiled for one big message serves the next one, also when all garbage is collected in between', async () => {
  const script = fileURLToPath(new URL('./fixtures/encode-across-collections.ts', import.meta.url));
  // compiled where it gets hot, not on a thread that a busy machine may not run before the process is done
  const flags = ['--expose-gc', '--no-concurrent-recompilation', '--trace-opt', '--trace-deopt', script];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 240_000, maxBuffer: 2 ** 24 });
  const lines = stdout.split('\n');
  const compiled = lines.filter((line) => line.includes('completed compiling'));
  const lost = lines.filter((line) => line.includes('embedded weak objects cleared'));
  expect(compiled.some((line) => line.includes('JSFunction nativeCost '))).toBe(true);
  expect(lost.filter((line) => hot.some((name) => line.includes(`SharedFunctionInfo ${name}>`)))).toEqual([]);
});
