import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Packages of this folder; they exist for Linux on x64 only. */
const RUNTIMES: Readonly<Record<string, string>> = {
  'node 22': here('node_modules/node-22/bin/node'),
  'node 24': here('node_modules/node-24/bin/node'),
  'node of this repository': process.execPath,
  bun: here('node_modules/@oven/bun-linux-x64/bin/bun'),
};

/** What a program prints, in its last line. */
async function printedBy(program: string, fixture: string, env: Record<string, string> = {}): Promise<unknown> {
  const { stdout } = await run(program, [here(`fixtures/${fixture}`)], {
    env: { ...process.env, ...env },
    timeout: 500_000,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

const SERVES = { isWhole: true, posted: 200, present: ['u1'], health: true, errors: [] };
const LIMITS = {
  bigFrame: 'closed 1009',
  bigFragments: 'closed 1009',
  manyFragments: 'closed 1008',
  badUtf8: 'closed 1007',
  badOpcode: 'closed 1002',
  unmasked: 'closed 1002',
  bigPing: 'closed 1002',
  deflate: 'open  permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  maxFragments: 'attached',
  errors: [],
};

for (const [name, program] of Object.entries(RUNTIMES)) {
  const isBun = name === 'bun';
  describe.runIf(existsSync(program))(name, () => {
    it('serves its clients whole: messages, parts, streams, recipes, values, posts, compressed, after a lost line', async () => {
      const report = await printedBy(program, 'smoke.mjs');
      expect(report).toMatchObject({ ...SERVES, sender: isBun ? 'inline' : 'native' });
    });

    it.runIf(name === 'node 22')('serves without the native sender', async () => {
      const report = await printedBy(program, 'smoke.mjs', { THREADCAST_SENDER: 'inline' });
      expect(report).toMatchObject({ ...SERVES, sender: 'inline', nativeWrites: 0 });
    });

    it('CommonJS requires every entry', async () => {
      const { names, strategy } = Object(await printedBy(program, 'require.cjs'));
      expect(Object.values(names).every((count) => Number(count) > 0)).toBe(true);
      expect(Object.keys(names).length).toBe(23);
      expect(strategy).toBe('inline');
    });

    it.runIf(isBun || name === 'node 22')('clients that break the protocol, or its limits, are closed', async () => {
      const report = await printedBy(program, 'limits.mjs');
      // Bun does not count fragments, whose bytes it limits; to ask for it is an error at the start
      expect(report).toEqual(
        isBun ? { ...LIMITS, manyFragments: 'open', maxFragments: 'TC_UNSUPPORTED_SERVER' } : LIMITS,
      );
    });
  });
}
