import type { Browser, Locator, Page } from 'playwright-core';

export const TIMEOUT = { timeout: 240_000 };

export const TOKEN = 'a-token-of-some-length';

/** Its id stands right behind its user: a text that is only part of the row may be of both. */
export const rowOf = (page: Page, user: string): Locator =>
  page.locator('#rows .row', { has: page.getByText(user, { exact: true }) });

/** A page of the inspector, whose faults are the test's. */
export async function openInspector(
  browser: Browser,
  url: string,
  faults: string[],
  scheme: 'light' | 'dark' = 'light',
): Promise<Page> {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width: 1440, height: 900 } });
  // Playwright's own limit is half a minute, which a page may take on a busy machine
  page.setDefaultTimeout(240_000);
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(url);
  await page.locator('#link[data-link="live"]').waitFor(TIMEOUT);
  return page;
}
