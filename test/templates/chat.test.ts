import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFaults, launchBrowser } from '../e2e/support/browser.ts';
import { run } from './program.ts';

let browser: Browser;
beforeAll(async () => (browser = await launchBrowser()));
afterAll(() => browser.close());

it('the chat template: history, presence and typing in two windows', async () => {
  const server = run('chat', 'server.ts', { PORT: '0' });
  const [, url = ''] = await server.says(/chat: (http:\S+)/);
  const faults: string[] = [];
  const open = async (user: string): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 390, height: 700 } });
    // Playwright's own limit is half a minute, which a page may take on a busy machine
    page.setDefaultTimeout(240_000);
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(`${url}/?user=${user}`);
    return page;
  };
  const ada = await open('ada');
  const grace = await open('grace');
  await grace.locator('#here', { hasText: 'ada, grace' }).waitFor();
  await ada.locator('#text').pressSequentially('hel');
  await grace.locator('#typing', { hasText: 'ada …' }).waitFor();
  for (let i = 1; i <= 30; i++) {
    await ada.locator('#text').fill(`message ${i}`);
    await ada.locator('#text').press('Enter');
  }
  await grace.locator('li', { hasText: 'message 30' }).waitFor();
  expect(await grace.locator('li').allTextContents()).toEqual(
    Array.from({ length: 30 }, (_, i) => `adamessage ${i + 1}`),
  );
  // a page that is loaded anew has the newest page of history, and then the one before
  await grace.reload();
  await grace.locator('li', { hasText: 'message 30' }).waitFor();
  expect(await grace.locator('li').count()).toBe(20);
  await grace.locator('#older').click();
  await grace.locator('li', { hasText: /message 1$/ }).waitFor();
  expect(await grace.locator('li').count()).toBe(30);
  expect(await axeFaults(grace)).toEqual([]);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/threadcast/..%2f..%2fpackage.json`)).status).toBe(404);
  expect(faults).toEqual([]);
  await ada.close();
  await grace.close();
  server.signal('SIGTERM');
  expect(await server.ended).toBe(0);
});
