import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UIMessage } from 'ai';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveChat, type ChatMessage, type UIChunk } from '../../src/ai/index.ts';
import { createHub } from '../../src/index.ts';
import { mulberry32 } from '../support/random.ts';
import { seed } from '../support/tier.ts';
import { toolPath } from '../support/tool.ts';

// WebSocketChatTransport of npm ai and useChat of @ai-sdk/react in a real Chromium, against serveChat: no client code of ours

process.env['PACE_MS'] = '20';
const { recordedAnswer } = await import('../../examples/ai-chat/recorded.ts');

const RELOADS = 20;
const WAIT = { interval: 50 };

const hub = createHub();
const errors: unknown[] = [];
hub.on('error', (error) => errors.push(error));
/** The application's database: what the requests of a chat had. */
const asked = new Map<string, readonly ChatMessage[]>();
const signals: AbortSignal[] = [];
const faults: string[] = [];

/** So much of an answer comes before it is held. */
const HELD_AT = 6;
/** Answers of these chats go no further until the test lets them. */
const gates = new Map<string, Promise<void>>();

/** Holds the answers of a chat in their middle; the function that it returns lets them go on. */
function hold(chatId: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  gates.set(chatId, promise);
  return resolve;
}

async function* held(chatId: string, answer: AsyncIterable<UIChunk>, signal: AbortSignal): AsyncGenerator<UIChunk> {
  const stopped = new Promise((resolve) => void signal.addEventListener('abort', resolve));
  let count = 0;
  for await (const chunk of answer) {
    if (count++ === HELD_AT) await Promise.race([gates.get(chatId), stopped]);
    yield chunk;
  }
}

const http = createServer((request, response) => void respond(request, response));
const chat = serveChat(hub, http, {
  path: '/api/chat',
  authorize: () => true,
  run({ chatId, messages, signal }) {
    asked.set(chatId, messages);
    signals.push(signal);
    return held(chatId, recordedAnswer(messages, signal), signal);
  },
});
let browser: Browser;
let dist = '';
let origin = '';

async function respond({ url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(url, 'http://here');
  if (pathname === '/messages') {
    const messages = JSON.stringify(await conversation(searchParams.get('chat') ?? ''));
    return void response.setHeader('content-type', 'application/json').end(messages);
  }
  const isPage = pathname === '/';
  response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript');
  return void response.end(await readFile(join(dist, isPage ? 'index.html' : pathname)).catch(() => ''));
}

/** What the newest request had, and its answer, if that has ended. */
async function conversation(chatId: string): Promise<ChatMessage[]> {
  const messages = [...(asked.get(chatId) ?? [])];
  const { messages: logged } = await hub.thread(`chat:${chatId}`).history();
  const answer: unknown = logged.at(-1)?.data;
  const isInProgress = hub.thread(`chat:${chatId}`).streams().length > 0;
  if (isInProgress || !isMessage(answer)) return messages;
  const at = messages.findIndex(({ id }) => id === answer.id);
  return at < 0 ? [...messages, answer] : messages.with(at, answer);
}

const isMessage = (value: unknown): value is ChatMessage => typeof value === 'object' && value !== null;

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'threadcast-stock-page-'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('./page', import.meta.url)),
    resolve: { dedupe: ['react'] },
    build: { outDir: dist, emptyOutDir: true, target: 'es2023' },
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = http.address();
  origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  browser = await chromium.launch({ executablePath: toolPath('chromium'), args: ['--no-sandbox', '--no-first-run'] });
});

afterAll(async () => {
  await browser.close();
  await hub.close();
  http.close();
  await rm(dist, { recursive: true, force: true });
});

async function open(chatId: string): Promise<Page> {
  const page = await browser.newPage();
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(`${origin}#${chatId}`);
  await ready(page);
  return page;
}

const ready = async (page: Page): Promise<void> => void (await page.waitForFunction(() => 'chat' in globalThis));

async function read(page: Page): Promise<{ status: string; error: string; messages: UIMessage[] }> {
  return JSON.parse(await page.evaluate<string>('JSON.stringify(chat)'));
}

const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name }).click();

async function settled(page: Page, count: number): Promise<UIMessage[]> {
  await expect
    .poll(async () => {
      const { status, messages, error } = await read(page);
      return [status, messages.length, messages.at(-1)?.role, error];
    }, WAIT)
    .toEqual(['ready', count, 'assistant', '']);
  return (await read(page)).messages;
}

const until = (page: Page, status: string): Promise<void> =>
  expect.poll(async () => (await read(page)).status, WAIT).toBe(status);

/** Without ids, which each run has anew. */
const partsOf = (messages: readonly UIMessage[]): unknown => messages.map(({ role, parts }) => ({ role, parts }));

test('a page sends, and shows what the server has logged; a second tab shows the answer as it grows', async () => {
  const page = await open('send');
  const goOn = hold('send');
  await press(page, 'Plan the launch');
  await until(page, 'streaming');
  const second = await open('send');
  await until(second, 'streaming');
  goOn();
  const messages = await settled(page, 2);
  expect(messages.at(-1)?.parts.map(({ type }) => type)).toEqual(['step-start', 'reasoning', 'data-progress', 'text']);
  const { messages: logged } = await hub.thread('chat:send').history();
  expect(logged.map(({ data }) => data)).toEqual(messages.slice(1));
  expect(await settled(second, 2)).toEqual(messages);
  expect(faults).toEqual([]);
});

test('stop() of the only page stops the model, and a new answer replaces what there was', async () => {
  const page = await open('stop');
  hold('stop');
  await press(page, 'Plan the launch');
  await until(page, 'streaming');
  const signal = signals.at(-1);
  await press(page, 'Stop');
  await until(page, 'ready');
  await expect.poll(() => signal?.aborted, WAIT).toBe(true);
  await expect.poll(() => chat.runs, WAIT).toBe(0);
  const [, stopped] = (await read(page)).messages;
  const goOn = hold('stop');
  await press(page, 'Again');
  await until(page, 'streaming');
  goOn();
  const [question, again] = await settled(page, 2);
  expect(question?.role).toBe('user');
  expect(again?.id).not.toBe(stopped?.id);
  expect(JSON.stringify(again)).toContain('what you have seen');
  expect(faults).toEqual([]);
});

test('an approval goes on with its message, also in a page that was reloaded before and in the middle', async () => {
  const page = await open('approval');
  await press(page, 'Delete the old drafts');
  await page.getByRole('button', { name: 'Approve' }).waitFor();
  await settled(page, 2);
  await page.reload();
  await ready(page);
  const goOn = hold('approval');
  await press(page, 'Approve');
  await until(page, 'streaming');
  await page.reload();
  await ready(page);
  await until(page, 'streaming');
  goOn();
  await page.getByText('The 12 drafts are gone.').waitFor();
  const messages = await settled(page, 2);
  const kinds = messages[1]?.parts.map(({ type }) => type);
  expect(kinds).toEqual(['step-start', 'text', 'tool-deleteDrafts', 'step-start', 'step-start', 'text']);
  await page.reload();
  await ready(page);
  expect(await settled(page, 2)).toEqual(messages);
  expect(faults).toEqual([]);
});

test('a page that is reloaded at random moments has exactly the messages of an undisturbed run', async () => {
  const random = mulberry32(seed);
  const [undisturbed, page] = [await open('undisturbed'), await open('reloaded')];
  let count = 0;
  for (let reloads = 0; reloads < RELOADS;) {
    const question = count % 4 === 0 ? 'Plan the launch' : 'Compare the weather';
    count += 2;
    await press(undisturbed, question);
    await press(page, question);
    await expect.poll(() => asked.get('reloaded')?.length, WAIT).toBe(count - 1);
    await page.waitForTimeout(random() * 300);
    for (; chat.runs > 0 && hub.thread('chat:reloaded').streams().length > 0; reloads++) {
      await page.reload();
      await ready(page);
      await page.waitForTimeout(random() * 300);
    }
    const [expected, seen] = [await settled(undisturbed, count), await settled(page, count)];
    expect(partsOf(seen)).toEqual(partsOf(expected));
  }
  expect([...faults, ...errors]).toEqual([]);
});
