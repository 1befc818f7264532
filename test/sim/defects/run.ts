import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFECTS, type Defect } from './defects.ts';

// npm run sim:defects -- [--seeds N] [--only text]: plants each defect in a copy of the sources, and has the simulator find it

/** Schedules within which each defect has to be found. */
const SEEDS = 10_000;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};

/** The simulator's answer, of the sources with the defect: the seed and what was wrong, or undefined where it found nothing. */
function search({ file, code, replacement }: Defect, seeds: number): string | undefined {
  const copy = mkdtempSync(join(tmpdir(), 'threadcast-defect-'));
  try {
    for (const part of ['src', 'test/sim', 'test/support', 'package.json']) {
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const path = join(copy, file);
    const parts = readFileSync(path, 'utf8').split(code);
    if (parts.length !== 2) throw new Error(`${file} has this code ${parts.length - 1} times: ${code}`);
    writeFileSync(path, parts.join(replacement));
    // one process, so that the seed is the first that finds it
    const args = [join(copy, 'test/sim/run.ts'), '--brief', '--workers', '1', '--seeds', String(seeds)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 1_800_000 });
    if (status === 0) return undefined;
    const found = stdout.split('\n').find((line) => line.startsWith('seed '));
    if (found === undefined) throw new Error(`the simulator itself failed: ${stdout}${stderr.slice(0, 500)}`);
    return found;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const seeds = Number(argument('seeds') ?? SEEDS);
const only = argument('only') ?? '';
for (const defect of DEFECTS.filter(({ name, file }) => `${name} ${file}`.includes(only))) {
  const found = search(defect, seeds);
  process.stdout.write(`${found === undefined ? 'NOT FOUND' : 'found'}: ${defect.name}\n    ${found ?? ''}\n`);
  if (found === undefined) process.exitCode = 1;
}
