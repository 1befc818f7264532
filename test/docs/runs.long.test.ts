import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** In the package, so that its files import `threadcast` by name. */
const folder = `${root}dist.doc-runs`;
const children: ChildProcessWithoutNullStreams[] = [];

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The blocks of a page that say that they can be run. */
function runnable(page: string): string[] {
  const text = readFileSync(`${root}docs/${page}.md`, 'utf8');
  return [...text.matchAll(/^<!-- test: run -->\n\n```ts\n(.*?)^```/gms)].map(([, code = '']) => code);
}

function run(file: string, env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [`${folder}/${file}`, ...args], { env: { ...process.env, ...env } });
  children.push(child);
  let output = '';
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString();
      for (const look of looks) look();
    });
  }
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => void (output.includes(text) && resolve());
      looks.add(look);
      child.once('exit', () => reject(new Error(`ended without "${text}":\n${output}`)));
      look();
    });
  return { child, says, output: () => output };
}

it('the quickstart works as it is copied: two clients, one of which hears what the other types', async () => {
  const [server = '', client = '', ...others] = runnable('quickstart');
  expect(others).toEqual([]);
  writeFileSync(`${folder}/server.ts`, server);
  writeFileSync(`${folder}/client.ts`, client);
  const env = { PORT: String(await freePort()) };
  const serving = run('server.ts', env);
  await serving.says('listening');
  const ada = run('client.ts', env, 'ada');
  ada.child.stdin.write('hello\n');
  await ada.says('{"user":"ada","text":"hello"}');
  // comes later, and gets what the log holds
  const grace = run('client.ts', env, 'grace');
  await grace.says('{"user":"ada","text":"hello"}');
  grace.child.stdin.write('welcome\n');
  await ada.says('{"user":"grace","text":"welcome"}');
  const ended = once(serving.child, 'exit');
  ada.child.kill('SIGKILL');
  grace.child.kill('SIGKILL');
  serving.child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

it.each(['migration', 'sending', 'slow-clients', 'testing', 'values'])('each block of %s runs', async (page) => {
  const blocks = runnable(page);
  expect(blocks.length).toBeGreaterThan(0);
  for (const [i, code] of blocks.entries()) {
    writeFileSync(`${folder}/${page}-${i}.ts`, code);
    const { child, output } = run(`${page}-${i}.ts`, {});
    const [status] = await once(child, 'exit');
    expect([status, output()]).toEqual([0, '']);
  }
});

it('the log of the page about logs passes the contract as the page says it', async () => {
  copyFileSync(`${root}examples/sqlite-log.ts`, `${folder}/sqlite-log.ts`);
  writeFileSync(`${folder}/logs.ts`, runnable('logs').join());
  const { child, output } = run('logs.ts', {});
  const [status] = await once(child, 'exit');
  expect(output()).toContain('fail 0');
  expect(status).toBe(0);
});
