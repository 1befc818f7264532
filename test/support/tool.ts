import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What `scripts/require-tools.sh` takes for each tool. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
};

/**
 * The path of a program that a test needs beyond npm.
 * @throws with the command that installs it, where it is missing
 */
export function toolPath(name: string): string {
  const { PATH = '', CHROMIUM_PATH } = process.env;
  if (name === 'chromium' && CHROMIUM_PATH !== undefined) return CHROMIUM_PATH;
  const programs = PROGRAMS[name] ?? [name];
  const found = programs.flatMap((program) => PATH.split(delimiter).map((dir) => join(dir, program))).find(isProgram);
  if (found === undefined) throw new Error(`this test needs ${name}: run "bash scripts/require-tools.sh ${name}"`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
