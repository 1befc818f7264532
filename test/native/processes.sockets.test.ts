import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const pathOf = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const env = { ...process.env, THREADCAST_SENDER: '' };

it('where descriptors run short, connections are accepted all the same, and everything arrives', async () => {
  const command = 'ulimit -n 400; exec "$0" "$1"';
  const { stdout } = await run('sh', ['-c', command, process.execPath, pathOf('scarce-process.ts')], { env });
  const outcome: { held: number[]; nativeWrites: number } = JSON.parse(stdout);
  expect(outcome).toMatchObject({ sender: 'native', errors: [], members: 300 });
  expect(outcome.nativeWrites).toBeGreaterThan(0);
  // all have one, then as many as the reserve leaves, then hardly any
  expect(outcome.held[0]).toBe(100);
  expect(outcome.held[2]).toBeLessThan(50);
});

it('workers of a cluster have a sender each', async () => {
  const { stdout } = await run(process.execPath, [pathOf('cluster-process.ts')], { env });
  const { said, counts }: { said: { members: number; nativeWrites: number }[]; counts: number[] } = JSON.parse(stdout);
  expect(said.reduce((sum, { members }) => sum + members, 0)).toBe(40);
  expect(said.every(({ members, nativeWrites }) => members < 8 || nativeWrites >= members)).toBe(true);
  expect(new Set(counts)).toEqual(new Set([20]));
});
