import { readFile } from 'node:fs/promises';
import { chromium, type Browser, type Page } from 'playwright-core';
import { toolPath } from '../../support/tool.ts';

const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** The real Chromium that `scripts/require-tools.sh` finds or installs. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: toolPath('chromium'),
    args: ['--no-sandbox', '--disable-gpu', ...QUIET],
  });
}

/** What axe-core finds wrong on the page, each with the first element that has it; empty where nothing is. */
export async function axeFaults(page: Page): Promise<readonly string[]> {
  // evaluated, not a script element: the page's policy allows none of those
  await page.evaluate(await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
  const faults: unknown = await page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, help, nodes }) => id + ': ' + help + ': ' + nodes[0].html.slice(0, 200)))`);
  return Array.isArray(faults) ? faults.map(String) : [String(faults)];
}

/** Mean of red, green and blue of the page's background and of its text. */
export async function brightnessOf(page: Page): Promise<{ readonly page: number; readonly text: number }> {
  const colours: unknown = await page.evaluate(`(({ backgroundColor, color }) => [backgroundColor, color])(
    getComputedStyle(document.body))`);
  const [background = 0, text = 0] = Array.isArray(colours) ? colours.map(meanOf) : [];
  return { page: background, text };
}

/** Of `rgb(r, g, b)`. */
function meanOf(colour: unknown): number {
  const parts = String(colour).match(/\d+/g)?.slice(0, 3).map(Number) ?? [];
  return parts.reduce((sum, part) => sum + part, 0) / 3;
}
