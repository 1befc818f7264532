import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'threadcast-core-'));
const BUILD = new URL('../../native/build.js', import.meta.url).pathname;

// more batches: the same by hand, with a number and lanes
it.each([
  ['thread', '1'],
  ['thread', '2'],
  ['address,undefined', '2'],
])('the core under the sanitizer %s, %s lanes', async (sanitize, lanes) => {
  const out = join(folder, `core-${sanitize}`);
  await run(process.execPath, [BUILD, '--core-test', '--sanitize', sanitize, '--out', out]);
  const { stdout } = await run(out, ['3000', lanes]);
  expect(stdout).toMatch(/^ok: 3000 batches, \d+ frames/);
});
