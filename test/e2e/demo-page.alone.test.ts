import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeFaults, brightnessOf, launchBrowser } from './support/browser.ts';
import { Demo, isRecord, publishedCount, recordedMessages } from './support/demo.ts';
import { startFlakyProxy, type FlakyProxy } from './support/flaky-proxy.ts';
import { StatusWatch } from './support/status.ts';

const TIMEOUT = { timeout: 240_000 };

let demo: Demo;
let proxy: FlakyProxy;
let watch: StatusWatch;
let browser: Browser;
let page: Page;
let inspectorPage: Page;
const faults: string[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1280, height: 860 } });
  page.on('pageerror', (error) => faults.push(error.message));
  demo = new Demo(['--healthy=4', '--slow=1', '--stopped=1', '--small']);
  const url = await demo.url();
  watch = new StatusWatch(url);
  proxy = await startFlakyProxy(url);
  await page.addInitScript(RECORD_LOOKS);
  await page.goto(proxy.url);
  const inspectorUrl = await page.locator('#inspector').getAttribute('href');
  inspectorPage = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  inspectorPage.on('pageerror', (error) => faults.push(error.message));
  await inspectorPage.goto(new URL(inspectorUrl ?? '', url).href);
  await inspectorPage.locator('#link[data-link="live"]').waitFor(TIMEOUT);
});

afterAll(async () => {
  await browser?.close();
  watch?.close();
  proxy?.close();
  await demo?.kill();
});

/** What the page has shown, each time all at one moment. A state that passes while this machine is busy has been seen all the same. */
const RECORD_LOOKS = `
  globalThis.looks = [];
  new MutationObserver(() => {
    const seq = Number(document.getElementById('states')?.dataset.seq);
    if (!(seq > (looks.at(-1)?.seq ?? -1))) return;
    const numbers = ['open', 'retrying', 'tripped', 'evicted', 'total']
      .map((state) => [state, Number(document.getElementById('count-' + state).textContent)]);
    looks.push({ seq, states: Object.fromEntries(numbers) });
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-seq'] });
`;

/** Waits until the page has shown a connection in that state, and compares all its numbers of that moment with the hub's. */
async function expectState(state: string): Promise<void> {
  const look = (): Promise<unknown> => page.evaluate(`looks.find(({ states }) => states.${state} > 0)`);
  await expect.poll(look, TIMEOUT).toBeDefined();
  const shown = await look();
  if (!isRecord(shown)) throw new Error('the page shows no states');
  expect(await watch.states(Number(shown['seq']))).toEqual(shown['states']);
}

// one demo, watched from its beginning to its end: these tests follow each other
describe('the page of the demo', () => {
  it('shows the connections of each state as the hub counts them, from open to evicted', async () => {
    await expectState('open');
    // what the agent says is there before its message is
    await page.locator('.turn p[data-place]').first().waitFor(TIMEOUT);
    await expectState('retrying');
    // the page loses its connection in the middle of the conversation
    proxy.cut();
    await page.locator('#events li', { hasText: /page-.*lost: 1006/ }).waitFor(TIMEOUT);
    expect(await page.locator('#link').textContent()).toBe('live');
    await expectState('tripped');
    await expectState('evicted');
    const stopped = page.locator('#events li', { hasText: 'stopped-1' });
    await stopped.locator('.evicted', { hasText: '4408 slow consumer' }).waitFor(TIMEOUT);
    expect(await stopped.locator('span:last-child').allTextContents()).toEqual(
      expect.arrayContaining(['open → retrying', 'retrying → tripped', 'evicted: 4408 slow consumer']),
    );
  });

  it('links the inspector, which has seen the stopped client on its way', async () => {
    await inspectorPage.locator('#notes li', { hasText: /stopped-1.*4408 slow consumer/ }).waitFor(TIMEOUT);
    for (const step of ['stalled', 'after backoff', 'after cooldown', 'after sendTimeout']) {
      await inspectorPage
        .locator('[data-machine="connection"] .edge.lately', { hasText: step })
        .first()
        .waitFor(TIMEOUT);
    }
    const open = async (): Promise<number> =>
      Number(await inspectorPage.locator('[data-state="open"]').getAttribute('data-count'));
    // the healthy ones, the slow one, the page, which may still be on its way back, and the watch
    await expect.poll(open).toBeGreaterThanOrEqual(7);
  });

  it('shows the whole conversation, although it lost its connection meanwhile', async () => {
    const play = page.locator('.play[data-play="1"]');
    await page.locator('.play[data-play="1"][data-complete]').waitFor(TIMEOUT);
    const messages = await recordedMessages();
    const textsOf = (turn: number): string =>
      messages
        .filter((message) => message['turn'] === turn && typeof message['text'] === 'string')
        .map(({ text }) => text)
        .join('');
    const turns = [...new Set(messages.map(({ turn }) => Number(turn ?? 0)))].filter((turn) => turn > 0);
    expect(turns.length).toBeGreaterThan(3);
    for (const turn of turns) {
      const paragraphs = await play.locator(`[data-turn="${turn}"] > p`).allTextContents();
      expect(paragraphs.join('')).toBe(textsOf(turn));
    }
    const calls = messages.filter(({ type }) => type === 'tool_call').map(({ name }) => name);
    expect(await play.locator('.tool summary code').allTextContents()).toEqual(calls);
    expect(await play.locator('.tool .outcome').allTextContents()).toEqual([
      '6 rows',
      '86,000 spans, 20.2 MB',
      'LED-482, open',
    ]);
    expect(await play.locator('[aria-busy="true"]').count()).toBe(0);
    // which came first is the machine's business, and whether the page had its line then
    expect(await play.locator('.approval p').allTextContents()).toEqual([expect.stringContaining('ledger export')]);
    expect(faults).toEqual([]);
  });

  it('takes what a visitor types, once, also when it is said while the line is down', async () => {
    proxy.cut();
    await page.locator('#say-text').fill('Look at the pool');
    await page.locator('#say-text').press('Enter');
    await page.locator('.said p', { hasText: 'Look at the pool' }).waitFor(TIMEOUT);
    await page.locator('#say-text').fill('and at the export');
    await page.locator('#say button').first().click();
    await page.locator('.said p', { hasText: 'and at the export' }).waitFor(TIMEOUT);
    expect(await page.locator('.said p').allTextContents()).toEqual(['Look at the pool', 'and at the export']);
  });

  it('stalls the phone, wakes it, and drops its line', async () => {
    await page.locator('#stop').click();
    await page.locator('#phone[data-state="retrying"]').waitFor(TIMEOUT);
    await page.locator('#wake').click();
    await page.locator('#phone[data-state="open"]').waitFor(TIMEOUT);
    await page.locator('#drop').click();
    await page.locator('#phone[data-state="offline"]').waitFor(TIMEOUT);
    await page.locator('#phone[data-state="open"]').waitFor(TIMEOUT);
    expect(await page.locator('#phone-facts').textContent()).not.toContain('gaps');
  });

  it('measures the same load on a loop over ws, as long as one wants', async () => {
    await page.locator('#compare').click();
    await page.locator('#naive-block', { hasText: /\d ms/ }).waitFor(TIMEOUT);
    expect(await page.locator('#our-block').textContent()).toMatch(/\d ms/);
    await page.locator('#compare[aria-pressed="true"]').click();
    await page.locator('#naive-block', { hasText: '–' }).waitFor(TIMEOUT);
    expect(faults).toEqual([]);
  });

  it('counts messages and deliveries', async () => {
    const numberIn = async (id: string): Promise<number> =>
      Number((await page.locator(`#${id}`).textContent())?.replaceAll(',', ''));
    const messages = await numberIn('messages');
    expect(messages).toBeGreaterThan(await publishedCount());
    expect(await numberIn('deliveries')).toBeGreaterThan(4 * (await publishedCount()));
  });

  it('is light or dark as the reader has it', async () => {
    const light = await brightnessOf(page);
    expect(light.page).toBeGreaterThan(light.text + 150);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await brightnessOf(page);
    expect(dark.text).toBeGreaterThan(dark.page + 150);
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds wrong, in the %s theme', async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.locator('#events li').first().waitFor(TIMEOUT);
    expect(await axeFaults(page)).toEqual([]);
  });

  it('keeps the newest message and the numbers in reach on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const sizes: unknown = await page.evaluate(`(() => {
      const plays = document.getElementById('plays');
      return [plays.clientHeight, plays.scrollHeight, document.documentElement.scrollWidth];
    })()`);
    const [shown = 0, whole = 0, width = 0] = Array.isArray(sizes) ? sizes.map(Number) : [];
    expect(shown).toBeLessThan(844);
    expect(whole).toBeGreaterThan(shown);
    expect(width).toBe(390);
  });

  it('says so when the demo is ended with Ctrl-C, which ends it in order', async () => {
    demo.interrupt();
    expect((await demo.ended).code).toBe(0);
    await page.locator('#link[data-link="connecting"]').waitFor(TIMEOUT);
  });
});
