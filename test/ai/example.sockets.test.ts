import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { UIMessage } from 'ai';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { toolPath } from '../support/tool.ts';

// examples/ai-chat in a real Chromium: useChat of @ai-sdk/react over the transport, two nodes, and Redis between them

const RELOADS = 20;
const WAIT = { interval: 50 };
const PACE_MS = 30;

let main: ChildProcess;
let browser: Browser;
let origin = '';
const faults: string[] = [];

beforeAll(async () => {
  const path = fileURLToPath(new URL('../../examples/ai-chat/main.ts', import.meta.url));
  main = spawn(process.execPath, [path], {
    env: { ...process.env, PORT: '0', PACE_MS: String(PACE_MS) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const text of main.stdout ?? []) {
    origin = /http:\S+\//.exec(String(text))?.[0] ?? '';
    if (origin !== '') break;
  }
  browser = await chromium.launch({ executablePath: toolPath('chromium'), args: ['--no-sandbox', '--no-first-run'] });
});

afterAll(async () => {
  await browser.close();
  main.kill('SIGTERM');
  if (main.exitCode === null) await once(main, 'exit');
});

async function open(chatId: string, at = origin): Promise<Page> {
  const page = await browser.newPage();
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(`${at}#${chatId}`);
  await page.waitForFunction(() => 'chat' in globalThis);
  return page;
}

/** What the page's chat has, as JSON has it, and how it is. */
async function read(page: Page): Promise<{ status: string; messages: UIMessage[] }> {
  const json = await page.evaluate<string>('JSON.stringify({ status: chat.status, messages: chat.messages })');
  return JSON.parse(json);
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByRole('button', { name: question }).click();
}

/** The recorded model repeats the question: its answer takes so long at least. */
async function askLong(page: Page, seconds: number): Promise<void> {
  const words = Math.ceil((seconds * 1_000) / PACE_MS);
  await page.getByRole('textbox', { name: 'Message' }).fill('word '.repeat(words));
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Until the answer is there, with so many messages. */
async function settled(page: Page, count: number): Promise<UIMessage[]> {
  await expect
    .poll(async () => {
      const { status, messages } = await read(page);
      return [status, messages.length, messages.at(-1)?.role];
    }, WAIT)
    .toEqual(['ready', count, 'assistant']);
  return (await read(page)).messages;
}

/** Without ids, which each run has anew. */
const partsOf = (messages: readonly UIMessage[]): unknown => messages.map(({ role, parts }) => ({ role, parts }));

test('a page that is reloaded at random moments has exactly the messages of an undisturbed run', async () => {
  const random = mulberry32(seed);
  const undisturbed = await open('undisturbed');
  const page = await open('reloaded');
  let count = 0;
  for (let reloads = 0; reloads < RELOADS;) {
    const question = count % 4 === 0 ? 'Plan the launch' : 'Compare the weather';
    count += 2;
    await ask(undisturbed, question);
    await ask(page, question);
    // a page that goes before it has sent its question has not asked
    await expect.poll(async () => (await read(page)).messages.length, WAIT).toBe(count);
    await page.waitForTimeout(random() * 300);
    for (; (await read(page)).status !== 'ready'; reloads++) {
      await page.reload();
      await page.waitForFunction(() => 'chat' in globalThis);
      await page.waitForTimeout(random() * 300);
    }
    const [expected, seen] = [await settled(undisturbed, count), await settled(page, count)];
    expect(partsOf(seen)).toEqual(partsOf(expected));
  }
  const kinds = new Set((await read(page)).messages.flatMap(({ parts }) => parts.map(({ type }) => type)));
  expect([...kinds].toSorted()).toEqual(['data-progress', 'reasoning', 'step-start', 'text', 'tool-weather']);
  expect(faults).toEqual([]);
});

test('two tabs and a late one show the same, and so do two that are offline for 10 s', async () => {
  // Chromium's own offline mode keeps open WebSockets: these pages have lines of their own
  const lines = [await startTcpProxy(Number(new URL(origin).port)), await startTcpProxy(Number(new URL(origin).port))];
  onTestFinished(async () => {
    await Promise.all(lines.map((line) => line.close()));
  });
  const first = await open('tabs');
  const away = await Promise.all(lines.map(({ port }) => open('tabs', `http://127.0.0.1:${port}/`)));
  await askLong(first, 20);
  for (const page of away) await expect.poll(async () => (await read(page)).messages.length, WAIT).toBe(2);
  for (const line of lines) line.blackHole();
  const before = (await read(first)).messages;
  // one of them knows that it is offline, the other one's line is silent
  lines[0]?.cut();
  await away[0]?.getByRole('status').getByText('reconnecting').waitFor();
  await away[0]?.waitForTimeout(10_000);
  const meanwhile = JSON.stringify((await read(first)).messages).length;
  for (const page of away) {
    const { messages } = await read(page);
    expect(messages.length).toBe(2);
    expect(JSON.stringify(messages).length).toBeLessThan((JSON.stringify(before).length + meanwhile) / 2);
  }
  for (const line of lines) line.restore();
  const messages = await settled(first, 2);
  for (const page of away) {
    expect(await settled(page, 2)).toEqual(messages);
    await page.close();
  }
  expect(await settled(await open('tabs'), 2)).toEqual(messages);
  // a client that is offline says so
  expect(faults.splice(0).filter((fault) => !fault.includes('TC_CONNECTION_FAILING'))).toEqual([]);
});

test('an approval in one tab goes on in the other; the stop button stops the answer for all', async () => {
  const [first, second] = [await open('approval'), await open('approval')];
  await ask(first, 'Delete the old drafts');
  await second.getByRole('button', { name: 'Approve' }).click();
  await first.getByText('The 12 drafts are gone.').waitFor();
  await second.getByText('The 12 drafts are gone.').waitFor();
  expect(await settled(second, 2)).toEqual(await settled(first, 2));
  await askLong(first, 90);
  await expect.poll(async () => (await read(second)).status, WAIT).toBe('streaming');
  await second.getByRole('button', { name: 'Stop' }).click();
  const messages = await settled(first, 4);
  expect(JSON.stringify(messages.at(-1))).not.toContain('what you have seen');
  expect(await settled(second, 4)).toEqual(messages);
  expect(faults).toEqual([]);
});

test('an export of 20,000 orders is the same in the tab that asked, in another one, and in a late one', async () => {
  const [first, second] = [await open('export'), await open('export')];
  await ask(first, 'Export all orders');
  const messages = await settled(first, 2);
  const [, call] = messages[1]?.parts.filter(({ type }) => type !== 'step-start') ?? [];
  expect(call).toMatchObject({ type: 'tool-listOrders', state: 'output-available' });
  expect(Reflect.get(call ?? {}, 'output')).toHaveLength(20_000);
  expect(await settled(second, 2)).toEqual(messages);
  expect(await settled(await open('export'), 2)).toEqual(messages);
  expect(faults).toEqual([]);
});

test('a node that is killed ends its answer with an error in all tabs, and the chat goes on at the other node', async () => {
  const [first, second] = [await open('killed'), await open('killed')];
  await askLong(first, 90);
  await expect.poll(async () => (await read(second)).messages.length, WAIT).toBe(2);
  // the answer is made by the node that has the connection of the tab that asked
  await first.getByRole('button', { name: 'Kill this node' }).click();
  for (const page of [first, second]) await expect.poll(async () => (await read(page)).status, WAIT).toBe('error');
  expect((await read(second)).messages).toEqual((await read(first)).messages);
  await ask(second, 'Compare the weather');
  const messages = await settled(second, 4);
  expect(await settled(first, 4)).toEqual(messages);
  expect(faults).toEqual([]);
});
