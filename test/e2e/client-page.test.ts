import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHub } from '../../src/index.ts';
import { startFlakyProxy, type FlakyProxy } from './support/flaky-proxy.ts';
import { toolPath } from '../support/tool.ts';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const TIMEOUT = { timeout: 240_000 };

/** The page of a user of ours: the built client, as a module, and what it has got. Left alone, it would come back after half a minute. */
const PAGE = `<!doctype html><title>client</title><script type="module">
  import { connect } from '/client/index.js';
  window.states = [];
  window.got = [];
  window.progress = [];
  const client = connect(location.origin.replace('http', 'ws') + '/ws', { backoff: { minMs: 30000, maxMs: 30000 } });
  client.on('state', ({ to }) => window.states.push(to));
  const thread = client.join('t', { from: 'start', onProgress: (news) => window.progress.push(news) });
  thread.on('gap', ({ why }) => window.got.push('gap ' + why));
  thread.on('message', ({ data }) => window.got.push(typeof data === 'string' ? data.length : data));
  window.client = client;
</script>`;

const hub = createHub();
const http = createServer((request, response) => {
  const file = /^\/client\/[\w-]+\.js$/.exec(request.url ?? '')?.[0];
  if (file === undefined) {
    response.setHeader('content-type', 'text/html').end(PAGE);
    return;
  }
  readFile(new URL(`../../dist${file}`, import.meta.url)).then(
    (text) => response.setHeader('content-type', 'text/javascript').end(text),
    () => response.writeHead(404).end(),
  );
});
hub.attach(http, {
  path: '/ws',
  authorize: () => true,
  onPublish: (_, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
});

let proxy: FlakyProxy;
let browser: Browser;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  proxy = await startFlakyProxy(`http://127.0.0.1:${address.port}`);
  browser = await chromium.launch({
    executablePath: toolPath('chromium'),
    args: ['--no-sandbox', '--disable-gpu', ...QUIET],
  });
  page = await browser.newPage();
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(proxy.url);
});

afterAll(async () => {
  await browser?.close();
  proxy?.close();
  await hub.close();
  http.close();
});

const until = (condition: string): Promise<unknown> => page.waitForFunction(condition, undefined, TIMEOUT);
const got = (): Promise<unknown> => page.evaluate('window.got');

let sent = 0;
async function send(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await hub.thread('t').send(++sent);
}

async function cut(): Promise<void> {
  await page.evaluate('window.states.length = 0');
  proxy.cut();
  // it may have gone on from there by then
  await until("window.states.includes('waiting')");
}

// one page, watched from its beginning to its end: these tests follow each other
it('a page that was offline misses nothing, and is back as soon as the network is', async () => {
  await send(3);
  await until('window.got.length === 3');
  await page.context().setOffline(true);
  await until('!navigator.onLine');
  // loopback is not cut by that
  await cut();
  await send(5);
  const published = page.evaluate("window.client.publish('t', 'published while offline')");
  await page.context().setOffline(false);
  await until('window.got.length === 9');
  expect(await published).toMatchObject({ position: expect.stringMatching(/\.9\./) });
  sent++;
  await send(2);
  await until('window.got.length === 11');
  expect(await got()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 'published while offline'.length, 10, 11]);
});

it('a socket that hangs since the network has changed is given up when the network is back', async () => {
  await page.evaluate('window.states.length = 0');
  await page.context().setOffline(true);
  await until('!navigator.onLine');
  await page.context().setOffline(false);
  await until("window.states.join().includes('waiting,connecting,open')");
  await send(1);
  await until('window.got.length === 12');
  expect(await got()).toHaveLength(12);
});

it('a page that is shown again does not wait any longer', async () => {
  await cut();
  await send(2);
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await until('window.got.length === 14');
  expect(await got()).toHaveLength(14);
});

it('a big message comes in parts, also through a cut, and nothing is lost or doubled', async () => {
  const big = hub.thread('t').send('x'.repeat(12_000_000));
  await until('window.progress.length > 0');
  await cut();
  await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  await big;
  await until('window.got.length === 15');
  const parts: unknown = await page.evaluate('window.progress.map(({ parts }) => parts)');
  const of: unknown = await page.evaluate('window.progress[0].of');
  expect(parts).toEqual(Array.from({ length: Number(of) }, (_, i) => i + 1));
  expect(await got()).toContain(12_000_000);
  expect(faults).toEqual([]);
});
