import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** A program of a template, as its users run it: what it has written, and its input. */
export function run(template: string, file: string, env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const cwd = fileURLToPath(new URL(`../../examples/${template}/`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { cwd, env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString();
      for (const look of looks) look();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return {
    ended,
    say: (line: string): void => void child.stdin.write(`${line}\n`),
    signal: (name: NodeJS.Signals): void => void child.kill(name),
    lines: (): readonly string[] => output.split('\n').filter((line) => line !== ''),
    /** Resolves with the match once it has written that. */
    says: (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (match) resolve(match);
        };
        looks.add(look);
        void ended.then(() => reject(new Error(`ended without ${pattern}:\n${output}`)));
        look();
      }),
  };
}
