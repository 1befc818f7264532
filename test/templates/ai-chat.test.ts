import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { launchBrowser } from '../e2e/support/browser.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const exec = promisify(execFile);

/** To install packages takes some 10 s; on a machine that is busy, minutes. */
const INSTALL_MS = 600_000;

/** What its browser console has as `chat`. */
async function read(page: Page): Promise<{ readonly status: string; readonly messages: readonly { role: string }[] }> {
  await page.waitForFunction(() => 'chat' in globalThis);
  return JSON.parse(await page.evaluate<string>('JSON.stringify({ status: chat.status, messages: chat.messages })'));
}

it(
  'the AI chat, copied out of the repository, with the packed package: an answer, and a reload in the middle',
  async () => {
    const place = await mkdtemp(join(tmpdir(), 'threadcast-copy-'));
    onTestFinished(() => rm(place, { recursive: true, force: true }));
    const copy = join(place, 'ai-chat');
    await cp(join(root, 'examples/ai-chat'), copy, {
      recursive: true,
      filter: (path) => !['node_modules', 'dist'].includes(basename(path)),
    });
    // dist is there: the caller has built it
    const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', place];
    const { stdout: packed } = await exec('npm', pack, { cwd: root });
    const install = ['install', join(place, packed.trim()), '--no-audit', '--no-fund', '--prefer-offline'];
    await exec('npm', install, { cwd: copy });

    // a group of its own: npm, the example, its nodes and its Redis end together
    const example = spawn('npm', ['start'], { cwd: copy, detached: true, env: { ...process.env, PORT: '0' } });
    const ended = new Promise((resolve) => example.once('exit', resolve));
    onTestFinished(async () => {
      if (example.exitCode === null && example.pid !== undefined) process.kill(-example.pid, 'SIGTERM');
      await ended;
    });
    let said = '';
    for (const stream of [example.stdout, example.stderr]) stream.on('data', (data) => (said += String(data)));
    await expect.poll(() => said).toMatch(/http:\S+\//);
    const [url = ''] = /http:\S+\//.exec(said) ?? [];

    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${url}#copied`);
    await page.getByRole('button', { name: 'Plan the launch' }).click();
    await expect.poll(async () => (await read(page)).messages.length).toBe(2);
    await page.reload();
    // it may be ready for a moment before it has found the answer in progress
    await expect
      .poll(async () => JSON.stringify(await read(page)))
      .toMatch(/^\{"status":"ready".*, and tell everybody what you have seen\./);
    const { messages } = await read(page);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    const late = await browser.newPage();
    await late.goto(`${url}#copied`);
    await expect.poll(async () => (await read(late)).messages).toEqual(messages);
    expect(faults).toEqual([]);
  },
  INSTALL_MS,
);
