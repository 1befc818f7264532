import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('plays the crash of a worker, and exits 0 when every reader got every message once and in order', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/multicore/main.ts', '--once'], {
    timeout: 500_000,
  });
  expect(stdout).toContain('10 of 10 readers got all 200 messages once and in order, though a node was killed');
});
