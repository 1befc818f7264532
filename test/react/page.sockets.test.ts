import { once } from 'node:events';
import { createServer } from 'node:http';
import { createElement as h, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import { build } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { createHub, memoryLog, refuse } from '../../src/index.ts';
import { ThreadcastProvider } from '../../src/react/index.ts';
import { launchBrowser } from '../e2e/support/browser.ts';
import { Room } from './fixtures/room.ts';

const TIMEOUT = { timeout: 20_000 };

const log = memoryLog({ maxEntries: 20_000 });
const hub = createHub({ log });
/** What the next published message meets. */
const door: { opens: Promise<boolean> } = { opens: Promise.resolve(true) };
let html = '';
let script = '';
const http = createServer((request, response) => {
  if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script);
  else response.setHeader('content-type', 'text/html').end(html);
});
hub.attach(http, {
  path: '/ws',
  authorize: () => true,
  async onPublish(_, { threadId, id, data }) {
    if (!(await door.opens)) return refuse(403, 'not now');
    return hub.thread(threadId).send(data, { idempotencyKey: id });
  },
});

let browser: Browser;
let page: Page;
let origin = '';
const faults: string[] = [];

beforeAll(async () => {
  const entry = new URL('fixtures/page.ts', import.meta.url).pathname;
  const output = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      lib: { entry, formats: ['es'], fileName: 'page' },
    },
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  const [bundle] = Array.isArray(output) ? output : [output];
  const chunk = bundle !== undefined && 'output' in bundle ? bundle.output[0] : undefined;
  script = chunk?.code ?? '';
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  origin = `http://127.0.0.1:${address.port}`;
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await hub.close();
  http.closeAllConnections();
  http.close();
});

beforeEach(async () => {
  faults.length = 0;
  await page?.close();
  await hub.thread('t').delete();
  door.opens = Promise.resolve(true);
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
});

async function open(rendered = '', search = ''): Promise<void> {
  html = `<!doctype html><link rel="icon" href="data:,"><div id="root">${rendered}</div><script type="module" src="/page.js"></script>`;
  await page.goto(`${origin}/${search}`);
  await shows('#state', 'open joined whole');
}

const shows = (selector: string, text: string): Promise<unknown> =>
  page.waitForFunction(
    `document.querySelector(${JSON.stringify(selector)})?.textContent === ${JSON.stringify(text)}`,
    undefined,
    TIMEOUT,
  );
const lines = (): Promise<string[]> => page.locator('ol li').allTextContents();
const run = (code: string): Promise<unknown> => page.evaluate(code);

it('in StrictMode it joins once, shows each message once, and leaves when it is unmounted', async () => {
  await open();
  expect(hub.stats().connections.total).toBe(1);
  const { id } = await hub.thread('t').send('one');
  await hub.thread('t').send('two');
  await shows('#count', '2');
  await hub.thread('t').send('ONE', { replaces: id });
  await expect.poll(lines).toEqual(['received edited: "ONE"', 'received: "two"']);
  await hub.thread('t').remove(id);
  await expect.poll(lines).toEqual(['received: "two"']);
  await run('window.seen.show(undefined)');
  await expect.poll(() => hub.thread('t').members.length).toBe(0);
  expect(await run('window.client.state')).toBe('open');
  // what came meanwhile is there when the page shows the thread again
  await hub.thread('t').send('three');
  await run("window.seen.show('t')");
  await expect.poll(lines).toEqual(['received: "two"', 'received: "three"']);
  expect(faults).toEqual([]);
});

it('a burst of ten thousand is at most one render for each frame', async () => {
  await open();
  await run('window.seen.renders = 0; window.begun = performance.now()');
  for (let i = 0; i < 10_000; i++) {
    if (i % 64 === 0) await hub.thread('t').ready();
    void hub.thread('t').send(i);
  }
  await page.waitForFunction(
    'document.querySelector("ol li:last-child")?.textContent === "received: 9999"',
    undefined,
    {
      timeout: 60_000,
    },
  );
  const [renders, ms] = await Promise.all([run('window.seen.renders'), run('performance.now() - window.begun')]);
  // StrictMode renders twice
  expect(Number(renders) / 2).toBeLessThan((Number(ms) / 1_000) * 60 + 5);
  const all = await lines();
  expect(all.length).toBeGreaterThanOrEqual(1_000);
  expect(all.length).toBeLessThanOrEqual(1_250);
  expect(all).toEqual(all.map((_, i) => `received: ${10_000 - all.length + i}`));
  expect(faults).toEqual([]);
});

it('a published message is there at once, comes back in its place, or fails and is tried again', async () => {
  await open();
  const gate = Promise.withResolvers<boolean>();
  door.opens = gate.promise;
  await page.click('#publish');
  await expect.poll(lines).toEqual(['sending: "mine"']);
  await hub.thread('t').send('of another');
  await expect.poll(lines).toEqual(['received: "of another"', 'sending: "mine"']);
  gate.resolve(true);
  await expect.poll(lines).toEqual(['received: "of another"', 'received: "mine"']);
  door.opens = Promise.resolve(false);
  await page.click('#publish');
  await expect.poll(lines).toEqual(['received: "of another"', 'received: "mine"', 'failed: "mine"']);
  door.opens = Promise.resolve(true);
  await page.click('#retry');
  await expect.poll(lines).toEqual(['received: "of another"', 'received: "mine"', 'received: "again"']);
  door.opens = Promise.resolve(false);
  await page.click('#publish');
  await page.click('#discard');
  await expect.poll(lines).toHaveLength(3);
  expect(faults).toEqual([]);
});

it('loads older messages page by page, also those that it had to drop', async () => {
  for (let i = 0; i < 25; i++) await hub.thread('t').send(i);
  await open('', '?new&most=8');
  for (let i = 25; i < 50; i++) await hub.thread('t').send(i);
  await page.waitForFunction(
    'document.querySelector("ol li:last-child")?.textContent === "received: 49"',
    undefined,
    TIMEOUT,
  );
  const shown = (await lines()).length;
  expect(shown).toBeLessThanOrEqual(10);
  for (let pages = 0; (await page.textContent('#older')) === 'more'; pages++) {
    if (pages > 10) throw new Error('no end');
    const before = (await lines()).length;
    await page.click('#older');
    await page.waitForFunction(
      `document.querySelectorAll('ol li').length > ${before} || document.querySelector('#older').textContent === 'all'`,
      undefined,
      TIMEOUT,
    );
  }
  expect(await lines()).toEqual(Array.from({ length: 50 }, (_, i) => `received: ${i}`));
  await hub.thread('t').send('live');
  await expect.poll(async () => (await lines()).at(-1)).toBe('received: "live"');
  expect(await lines()).toHaveLength(51);
  expect(faults).toEqual([]);
});

it('a stream grows, and becomes its message', async () => {
  await open();
  const stream = hub.thread('t').stream();
  stream.append('one ');
  await shows('.stream', 'one ');
  stream.append('two');
  await shows('.stream', 'one two');
  await stream.end();
  await expect.poll(lines).toEqual(['received: {"text":"one two"}']);
  expect(await page.locator('.stream').count()).toBe(0);
  expect(faults).toEqual([]);
});

it('renders on a server without a socket, and hydrates without a warning', async () => {
  const rendered = renderToString(
    h(StrictMode, null, h(ThreadcastProvider, { client: undefined }, h(Room, { id: 't' }))),
  );
  expect(rendered).toContain('closed joining whole');
  await open(rendered, '?hydrate');
  await hub.thread('t').send('after');
  await shows('#count', '1');
  expect(faults).toEqual([]);
});
