/** Packs the built package, and unpacks it where the tests of this folder find it, as an application does. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const place = fileURLToPath(new URL('node_modules/threadcast', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'threadcast-pack-'));
try {
  // dist is there: the caller has built it
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir], {
    cwd: root,
    encoding: 'utf8',
  });
  execFileSync('tar', ['-xf', join(dir, packed.trim()), '-C', fileURLToPath(new URL('node_modules', import.meta.url))]);
  rmSync(place, { recursive: true, force: true });
  renameSync(fileURLToPath(new URL('node_modules/package', import.meta.url)), place);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
