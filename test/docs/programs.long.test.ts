import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { Demo } from '../e2e/support/demo.ts';
import { programs } from './programs-of-pages.ts';

/** In the package, so that its files import `threadcast` by name. */
const folder = fileURLToPath(new URL('../../dist.doc-programs/', import.meta.url));
const running: Demo[] = [];

afterAll(async () => {
  await Promise.all(running.map((program) => program.kill()));
  rmSync(folder, { recursive: true, force: true });
});

it.each(Object.entries(programs))('the blocks of %s are a program that runs', async (page, { files, run, says }) => {
  const here = `${folder}${page}`;
  const port = String(await freePort());
  mkdirSync(here, { recursive: true });
  for (const [name, code] of Object.entries(files)) {
    writeFileSync(
      `${here}/${name}`,
      code.replaceAll('HERE', here).replaceAll('PORT', (word, at) => wordOf(code, word, at, port)),
    );
  }
  let last: Demo | undefined;
  for (const file of run) {
    last = new Demo([], { PORT: port, RELAY_TOKEN: 'secret' }, new URL(`file://${here}/${file}`));
    running.push(last);
    if (file !== run.at(-1)) await last.output(/ready/);
  }
  const { code, output } = (await last?.ended) ?? {};
  expect([code, output?.trim().split('\n')]).toEqual([0, says]);
});

/** `process.env['PORT']` stays. */
const wordOf = (code: string, word: string, at: number, port: string): string =>
  code.slice(at - 1, at) === "'" && code.slice(at + 4, at + 6) === "']" ? word : port;
