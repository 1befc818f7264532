import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHub, type Hub } from 'threadcast';
import { inspector, type InspectorServer } from 'threadcast/inspector';
import { FakeLink } from 'threadcast/testing';
import { launchBrowser } from './support/browser.ts';
import { openInspector, TIMEOUT, TOKEN } from './support/inspector-page.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser?.close());

describe('the inspector of 10,000 connections', () => {
  const CROWD = 10_000;
  let hub: Hub;
  let server: InspectorServer;
  const ids: string[] = [];

  beforeAll(async () => {
    hub = createHub();
    for (let i = 0; i < CROWD; i++) ids.push(hub.accept(new FakeLink().attach, { userId: `user-${i}` }).id);
    server = await inspector(hub, { token: TOKEN });
  });

  afterAll(async () => {
    await server?.close();
    await hub?.close();
  });

  it('lets nobody watch without the token', async () => {
    const page = await browser.newPage();
    // Playwright's own limit is half a minute, which a page may take on a busy machine
    page.setDefaultTimeout(240_000);
    await page.goto(server.url);
    await page.locator('#ask').waitFor(TIMEOUT);
    expect(await page.locator('#link').getAttribute('data-link')).not.toBe('live');
    await page.locator('#token').fill('another-token-of-some-length');
    await page.locator('#ask button').click();
    await page.locator('#ask-fault', { hasText: 'not the token' }).waitFor(TIMEOUT);
    expect(await page.locator('#facts').textContent()).toBe('');
    await page.locator('#token').fill(TOKEN);
    await page.locator('#ask button').click();
    await page.locator('#link[data-link="live"]').waitFor(TIMEOUT);
    await page.close();
  });

  it('scrolls through all of them, of which only those in view are there', async () => {
    const faults: string[] = [];
    const page = await openInspector(browser, `${server.url}#token=a-token-of-some-length`, faults);
    expect(page.url()).toBe(server.url);
    await page.locator('#matching', { hasText: /^10,000$/ }).waitFor(TIMEOUT);
    expect(await page.locator('[data-state="open"]').getAttribute('data-count')).toBe('10000');
    const rowAt = (place: number) => page.locator(`#row-${place}[data-id="${ids[place]}"]`);
    await rowAt(0).waitFor(TIMEOUT);
    for (const place of [200, 4_711, 7_000, 123]) {
      await page.evaluate(`document.getElementById('grid').scrollTop = ${place} * 32`);
      await rowAt(place).waitFor(TIMEOUT);
    }
    await page.locator('#grid').focus();
    await page.keyboard.press('End');
    await rowAt(CROWD - 1).waitFor(TIMEOUT);
    expect(await page.locator('#rows .row').count()).toBeLessThan(60);
    expect(await page.locator('#grid').getAttribute('aria-rowcount')).toBe('10001');
    await page.locator('#search').fill('USER-9999');
    await page.locator('#matching', { hasText: '1 of 10,000' }).waitFor(TIMEOUT);
    await page.locator('#row-0', { hasText: 'user-9999' }).waitFor(TIMEOUT);
    await page.locator('#search').fill('');
    await page.getByRole('button', { name: 'Age' }).click();
    await page.locator('[aria-sort="descending"]', { hasText: 'Age' }).waitFor(TIMEOUT);
    await rowAt(0).waitFor(TIMEOUT);
    // actions are not enabled here
    await rowAt(0).click();
    await page.locator('#detail h2', { hasText: 'user-0' }).waitFor(TIMEOUT);
    expect(await page.locator('.actions').isVisible()).toBe(false);
    expect(faults).toEqual([]);
    await page.close();
  });
});
