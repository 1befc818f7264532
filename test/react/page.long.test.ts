import { once } from 'node:events';
import { createServer } from 'node:http';
import { createElement as h, StrictMode } from 'react';
import { renderToString } from 'react-dom/server';
import { build } from 'vite';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { createHub, memoryLog, refuse } from '../../src/index.ts';
import { isOwnPresence } from '../../src/presence/index.ts';
import { ThreadcastProvider } from '../../src/react/index.ts';
import { launchBrowser } from '../e2e/support/browser.ts';
import { Crowd } from './fixtures/crowd.ts';
import { Room } from './fixtures/room.ts';

const TIMEOUT = { timeout: 240_000 };

/** Where another React is installed than the project's: the page is built with that one. */
const { REACT_DIR } = process.env;
const alias = Object.fromEntries(
  (REACT_DIR === undefined ? [] : ['react', 'react-dom']).map((name) => [
    name,
    new URL(`../../${REACT_DIR}/node_modules/${name}`, import.meta.url).pathname,
  ]),
);

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
  authenticate: ({ url = '/' }) => ({ userId: new URL(url, 'ws://page').searchParams.get('user') || undefined }),
  authorize: () => true,
  onValue: ({ userId }, change) => isOwnPresence(userId, change),
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
    resolve: { alias },
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
  if (REACT_DIR !== undefined) expect(script).toContain('18.3.1');
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
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
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
      timeout: 240_000,
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

it('loads older messages after a trim while a stream is followed, which goes on; an unmount meanwhile is no fault', async () => {
  await open('', '?new&most=8&follow=s');
  const stream = hub.thread('t').stream({ id: 's' });
  stream.append('one ');
  await shows('#follow', 'one  grows');
  for (let i = 0; i < 30; i++) await hub.thread('t').send(i);
  await expect.poll(async () => (await lines()).at(-1)).toBe('received: 29');
  const { length } = await lines();
  await page.click('#older');
  await expect.poll(async () => (await lines()).length).toBeGreaterThan(length);
  stream.append('two');
  await shows('#follow', 'one two grows');
  await stream.end();
  await shows('#follow', 'one two done');
  await run("document.querySelector('#older').click(); window.seen.show(undefined)");
  await expect.poll(() => hub.thread('t').members.length).toBe(0);
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

it('shows who is there, who types, and what is unread, in the page and for others', async () => {
  await hub.thread('t').send('before');
  await open('', '?user=ada');
  const { values } = hub.thread('t');
  await shows('#users', '1: ada here');
  // the room below shows the thread from its start
  await shows('#unread', '1');
  await values.set('~present:bob', { status: 'away' });
  await shows('#users', '2: ada here,bob away');
  await page.click('#busy');
  await shows('#users', '2: ada busy,bob away');
  expect(await values.get('~present:ada')).toEqual({ status: 'busy' });

  await values.set('~typing:bob', true);
  await shows('#typing', 'bob');
  await page.click('#typed');
  await expect.poll(() => values.get('~typing:ada')).toBe(true);
  // the user's own typing is no news for the page
  expect(await page.textContent('#typing')).toBe('bob');
  await page.click('#stopped');
  await values.delete('~typing:bob');
  await shows('#typing', '');
  expect(await values.get('~typing:ada')).toBe(undefined);

  await hub.thread('t').send('second');
  await hub.thread('t').send('mine');
  await shows('#unread', '2');
  await page.click('#read');
  await shows('#unread', '0');
  await hub.thread('t').send('third');
  await shows('#unread', '1');
  // another client of the user has read it
  await expect.poll(lines).toHaveLength(4);
  const { messages } = await hub.thread('t').history();
  await values.set('~read:ada', messages.at(-1)?.position ?? '');
  await shows('#unread', '0');
  // refused at the call, not by a timer within an error that no component sees
  await page.click('#junk');
  await shows('#users', '2: ada TC_INVALID_OPTION,bob away');
  expect(await values.get('~read:ada')).toBe(messages.at(-1)?.position);
  expect(faults).toEqual([]);
});

it('a user stays while a component shows the user, through reconnects, and goes with it', async () => {
  await open('', '?user=ada');
  await shows('#users', '1: ada here');
  const { values } = hub.thread('t');
  await page.click('#typed');
  await expect.poll(() => values.get('~typing:ada')).toBe(true);
  for (const connection of hub.user('ada').connections) connection.close(4408, 'cut');
  await expect.poll(() => hub.user('ada').connections.length).toBe(0);
  await expect.poll(() => values.get('~present:ada')).toEqual({ status: 'here' });
  // the room keeps the thread joined
  await run('window.seen.showCrowd(false)');
  await expect.poll(async () => [...(await values.entries())].filter(([key]) => key !== '~read:ada')).toEqual([]);
  expect(hub.thread('t').members.length).toBe(1);
  await run('window.seen.showCrowd(true)');
  await shows('#users', '1: ada here');
  await run('window.seen.show(undefined)');
  // now only these hooks keep it
  await hub.thread('t').send('one');
  await expect.poll(() => page.textContent('#unread')).toBe('1');
  await run('window.seen.showCrowd(false)');
  await expect.poll(() => hub.thread('t').members.length).toBe(0);
  await expect.poll(async () => [...(await values.entries())].filter(([key]) => key !== '~read:ada')).toEqual([]);
  expect(faults).toEqual([]);
});

it('a client without values is an error for the boundary, and nothing else breaks', async () => {
  await open('', '?user=ada&plain');
  await shows('#thrown', 'TC_INVALID_OPTION: option values, expected values of threadcast/values');
  await hub.thread('t').send('one');
  await expect.poll(lines).toEqual(['received: "one"']);
  await run('window.seen.show(undefined)');
  await expect.poll(() => hub.thread('t').members.length).toBe(0);
});

it('a snapshot is a new one only when its content has changed, once a frame', async () => {
  await open('', '?user=ada');
  await shows('#users', '1: ada here');
  await run('new Promise(requestAnimationFrame)');
  await run('window.seen.crowdRenders = 0; window.begun = performance.now()');
  const { values } = hub.thread('t');
  for (let i = 0; i < 50; i++) {
    // back at once, and nothing that these hooks show
    await values.set('~typing:bob', true);
    await values.delete('~typing:bob');
    await values.set('cursor:bob', i);
  }
  await values.set('~typing:bob', true);
  await shows('#typing', 'bob');
  const [renders, ms] = await Promise.all([run('window.seen.crowdRenders'), run('performance.now() - window.begun')]);
  expect(Number(renders)).toBeLessThan((Number(ms) / 1_000) * 60 + 5);
  await run('window.seen.crowdRenders = 0');
  for (let i = 0; i < 50; i++) await values.set('cursor:bob', `again ${i}`);
  await values.set('~present:bob', { status: 'last' });
  await shows('#users', '2: ada here,bob last');
  expect(await run('window.seen.crowdRenders')).toBeLessThanOrEqual(2);
  expect(faults).toEqual([]);
});

it('renders on a server without a socket, and hydrates without a warning', async () => {
  const rendered = renderToString(
    h(
      StrictMode,
      null,
      h(
        ThreadcastProvider,
        { client: undefined },
        h(Crowd, { id: 't', user: 'ada', seen: { crowdRenders: 0 }, isShown: true }),
        h(Room, { id: 't' }),
      ),
    ),
  );
  expect(rendered).toContain('0: ');
  expect(rendered).toContain('closed joining whole');
  await open(rendered, '?hydrate&user=ada');
  await hub.thread('t').send('after');
  await shows('#count', '1');
  expect(faults).toEqual([]);
});
