import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { axeFaults, launchBrowser } from './support/browser.ts';
import { Demo } from './support/demo.ts';

const MAIN = new URL('../../examples/observability/main.ts', import.meta.url);

let app: Demo;
let browser: Browser;
let url: string;

beforeAll(async () => {
  app = new Demo(['--port=0'], {}, MAIN);
  [browser, url] = await Promise.all([launchBrowser(), app.url()]);
});

afterAll(async () => {
  await browser?.close();
  await app?.kill();
});

it.each([
  ['a desktop', { width: 1280, height: 800 }],
  ['a phone', { width: 390, height: 844 }],
])('the page leads to the inspector, the metrics and the traces, on %s', async (_, viewport) => {
  const page = await browser.newPage({ viewport });
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  await page.goto(url);
  expect(await axeFaults(page)).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);

  await page.getByRole('link', { name: 'Metrics' }).click();
  await page.getByText('threadcast_connections{').first().waitFor();
  await page.goBack();

  await page.getByRole('link', { name: 'Traces' }).click();
  await expect
    .poll(() => page.reload().then(() => page.textContent('body')))
    .toMatch(/publish thread .*\n {2}serialize /);
  expect(await page.textContent('body')).toMatch(/\n {2}send connection .*outcome=written/);
  await page.goBack();

  await page.getByRole('link', { name: 'Inspector' }).click();
  await page.getByText('hub running · 5 connections').waitFor();
  await page.close();
});
