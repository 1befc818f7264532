import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from 'threadcast';
import { inspector } from 'threadcast/inspector';
import { createPool } from 'threadcast/pool';
import { WebSocket } from 'ws';
import { axeFaults, launchBrowser } from './support/browser.ts';
import { openInspector, TIMEOUT, TOKEN } from './support/inspector-page.ts';

it('the page has the chart of a pool, its connections, and what one of them did', async () => {
  const hub = createHub();
  const server = createServer();
  hub.attach(server, { authorize: () => true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const pool = createPool({ url: `ws://127.0.0.1:${address.port}/`, size: 2, retryDelaysMs: [200], WebSocket });
  pool.on('error', () => {});
  const inspected = await inspector(hub, { pools: [pool], token: TOKEN });
  const browser = await launchBrowser();
  onTestFinished(async () => {
    await browser.close();
    await inspected.close();
    pool.close();
    await hub.close();
    server.close();
  });
  const faults: string[] = [];
  const page = await openInspector(browser, `${inspected.url}#token=${TOKEN}`, faults);
  pool.join('t');
  await page.locator('#tab-pool-connection').click();
  await page.locator('[data-machine="pool-connection"] [data-state="open"][data-count="2"]').waitFor(TIMEOUT);
  // a click on a state leads to those that are in it
  await page.locator('[data-machine="pool-connection"] [data-state="open"]').click({ position: { x: 12, y: 8 } });
  expect(await page.locator('#list-title').textContent()).toBe('Connections of pools');
  await page.locator('#pools[aria-pressed="true"]').waitFor(TIMEOUT);
  await page.locator('#rows .row', { hasText: 'pool-connection:1' }).click();
  await page.locator('#detail h2', { hasText: 'pool-connection:1' }).waitFor(TIMEOUT);
  expect(await axeFaults(page)).toEqual([]);
  for (const connection of hub.connections) connection.close(1001, 'a deploy');
  await page.locator('.history li', { hasText: 'lost' }).waitFor(TIMEOUT);
  await page.locator('#detail .chip', { hasText: 'open' }).waitFor(TIMEOUT);
  expect(faults).toEqual([]);
});
