import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHub } from '../../src/index.ts';
import { startFlakyProxy, type FlakyProxy } from './support/flaky-proxy.ts';
import { toolPath } from '../support/tool.ts';

const TIMEOUT = { timeout: 240_000 };

/** Left alone, the client would come back after half a minute. */
const PAGE = `<!doctype html><title>client</title><script type="module">
  import { connect } from '/client/index.js';
  window.got = [];
  window.events = [];
  addEventListener('pageshow', ({ persisted }) => window.events.push(persisted ? 'restored' : 'shown'));
  const client = connect(location.origin.replace('http', 'ws') + '/ws', { backoff: { minMs: 30000, maxMs: 30000 } });
  client.join('t', { from: 'start' }).on('message', ({ data }) => window.got.push(data));
  window.client = client;
</script>`;

const hub = createHub();
const http = createServer((request, response) => {
  const file = /^\/client\/[\w-]+\.js$/.exec(request.url ?? '')?.[0];
  if (file === undefined) {
    response.setHeader('content-type', 'text/html').end(request.url === '/other' ? '<!doctype html>other' : PAGE);
    return;
  }
  readFile(new URL(`../../dist${file}`, import.meta.url)).then(
    (text) => response.setHeader('content-type', 'text/javascript').end(text),
    () => response.writeHead(404).end(),
  );
});
hub.attach(http, { path: '/ws', authorize: () => true });

let proxy: FlakyProxy;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  proxy = await startFlakyProxy(`http://127.0.0.1:${address.port}`);
  browser = await chromium.launch({
    executablePath: toolPath('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--no-first-run'],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  page = await browser.newPage();
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  await page.goto(proxy.url);
});

afterAll(async () => {
  await browser?.close();
  proxy?.close();
  await hub.close();
  http.close();
});

const until = (condition: string): Promise<unknown> => page.waitForFunction(condition, undefined, TIMEOUT);

it('a page that comes back from the back/forward cache is connected at once, and misses nothing', async () => {
  await hub.thread('t').send(1);
  await until('window.got.length === 1');
  await page.goto(`${proxy.url}/other`);
  await hub.thread('t').send(2);
  proxy.cut();
  // no `load` comes from the cache
  await page.goBack({ waitUntil: 'commit' });
  await until('window.got.length === 2');
  expect(await page.evaluate('[window.got, window.events.at(-1)]')).toEqual([[1, 2], 'restored']);
});
