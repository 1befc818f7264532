import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createClient } from 'redis';
import { expect, it } from 'vitest';

const { REDIS_DIR } = process.env;

it('these tests run with the redis package that they are to run with', async () => {
  const folder = resolve(REDIS_DIR ?? '.', 'node_modules/redis');
  const wanted: unknown = await import(pathToFileURL(`${folder}/dist/index.js`).href);
  expect(Object(wanted).createClient).toBe(createClient);
  const { version }: { version: string } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  expect(version.split('.')[0]).toBe(REDIS_DIR === undefined ? '5' : '6');
});
