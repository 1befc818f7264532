import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHub, type Connection, type Hub } from 'threadcast';
import { inspectorHandler, type InspectorHandler } from 'threadcast/inspector';
import { FakeLink } from 'threadcast/testing';
import { WsClient } from '../support/ws-server.ts';
import { openInspector, rowOf, TIMEOUT, TOKEN } from './support/inspector-page.ts';
import { axeFaults, brightnessOf, launchBrowser } from './support/browser.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser?.close());

const open = (url: string, faults: string[], scheme?: 'light' | 'dark'): Promise<Page> =>
  openInspector(browser, url, faults, scheme);

/** What the chart shows of each state of a machine. */
async function countsOf(page: Page, machine: string): Promise<Record<string, number>> {
  const counts: unknown = await page.evaluate(`Object.fromEntries(
    [...document.querySelectorAll('[data-machine="${machine}"] .state')].map(({ dataset }) => [dataset.state, Number(dataset.count)]))`);
  return Object.fromEntries(Object.entries(Object(counts)).map(([state, number]) => [state, Number(number)]));
}

describe('the inspector on the server of an application', () => {
  let hub: Hub;
  let inspect: InspectorHandler;
  let server: Server;
  let url: string;
  let wsUrl: string;
  let page: Page;
  const faults: string[] = [];
  const connections: Connection[] = [];

  beforeAll(async () => {
    hub = createHub({
      sendTimeoutMs: 500,
      sweepMs: 50,
      retryDelaysMs: [300, 300],
      breakerThreshold: 3,
      // long enough to be seen: where a survey took its time, the page gets the next one a hundred times as much later
      cooldownMs: 8_000,
      threadIdleMs: 1_000,
    });
    inspect = inspectorHandler(hub, { path: '/inspector/', actions: true, token: TOKEN });
    server = createServer((request, response) => {
      if (!inspect(request, response)) response.writeHead(404).end();
    });
    hub.attach(server, { path: '/ws', authenticate: () => ({ userId: 'real' }), authorize: () => true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    url = `http://127.0.0.1:${address.port}/inspector#token=${TOKEN}`;
    wsUrl = `ws://127.0.0.1:${address.port}/ws`;
    for (let i = 1; i <= 30; i++) {
      const connection = hub.accept(new FakeLink().attach, { userId: `user-${i}` });
      await connection.join('room');
      connections.push(connection);
    }
    page = await open(url, faults);
  });

  afterAll(async () => {
    await page?.close();
    await hub?.close();
    server?.close();
    server?.closeAllConnections();
  });

  /** Until the page has been answered once more. */
  async function nextLook(): Promise<void> {
    const at = await page.locator('#link').getAttribute('data-at');
    await page.locator(`#link:not([data-at="${at}"])`).waitFor(TIMEOUT);
  }

  it('shows the states and counts that the hub has', async () => {
    for (const connection of connections.slice(0, 7)) connection.trip();
    await page.locator('[data-state="tripped"][data-count="7"]').waitFor(TIMEOUT);
    const { open, retrying, tripped } = hub.stats().connections;
    expect(await countsOf(page, 'connection')).toMatchObject({ open, retrying, tripped, evicted: 0 });
    expect({ open, retrying, tripped }).toEqual({ open: 23, retrying: 0, tripped: 7 });
    // the edge that they took, and how often
    await page.locator('.edge.lately[data-count="7"]', { hasText: 'trip 7' }).waitFor(TIMEOUT);
    // their probes are answered
    await page.locator('[data-state="open"][data-count="30"]').waitFor(TIMEOUT);
    expect(await countsOf(page, 'connection')).toMatchObject({ open: 30, tripped: 0 });
    expect(await page.locator('#facts').textContent()).toBe('hub running · 30 connections · 1 thread');
    await page.locator('#tab-thread').click();
    expect(await countsOf(page, 'thread')).toMatchObject({ live: 1, idle: 0 });
    await page.locator('#tab-connection').click();
  });

  it('shows a client that stalls on its way to the eviction', async () => {
    const client = new WsClient(wsUrl, 'room');
    await client.until(({ isJoined }) => isJoined);
    await page.locator('#search').fill('real');
    await rowOf(page, 'real').click();
    await page.locator('#detail h2', { hasText: 'real' }).waitFor(TIMEOUT);
    await page.evaluate(`
      window.seen = [];
      const look = () => window.seen.push(document.querySelector('#detail .chip').textContent);
      new MutationObserver(look).observe(document.querySelector('#detail .chip'), { childList: true, characterData: true, subtree: true });`);
    client.socket.pause();
    await hub.thread('room').send('nobody reads this');
    await page.locator('#detail .chip', { hasText: 'evicted' }).waitFor(TIMEOUT);
    expect(await page.evaluate('window.seen.map((path) => path.split(".")[0])')).toEqual(
      expect.arrayContaining(['retrying', 'tripped', 'evicted']),
    );
    const steps = await page.locator('.history li').allTextContents();
    expect(steps.toReversed().map((step) => step.replace(/^[\d:]+/, ''))).toEqual([
      '→ retrying.backingOffstalled',
      '→ retrying.attemptingafter backoff',
      '→ retrying.backingOffafter sendTimeout',
      '→ retrying.attemptingafter backoff',
      '→ tripped.coolingDownafter sendTimeout',
      '→ tripped.probingafter cooldown',
      '→ evictedafter sendTimeout',
    ]);
    // its own chart has the active state lit
    expect(await page.locator('.statechart .state.active').getAttribute('data-state')).toBe('evicted');
    await page.keyboard.press('Escape');
    await page.locator('#notes li', { hasText: 'real' }).waitFor(TIMEOUT);
    expect(await page.locator('#notes li').first().textContent()).toContain('4408 slow consumer');
    await page.locator('[data-state="evicted"][data-count="1"]').waitFor(TIMEOUT);
    expect(hub.stats().connectionsEvicted).toBe(1);
    await page.locator('#search').fill('');
    client.socket.terminate();
  });

  it('trips, resets and evicts where that is enabled', async () => {
    await rowOf(page, 'user-9').click();
    const state = (name: string) => page.locator('#detail .chip', { hasText: name }).waitFor(TIMEOUT);
    await page.locator('[data-action="trip"]').click();
    await state('tripped');
    await page.locator('[data-action="reset"]').click();
    await state('open');
    // asked twice
    await page.locator('[data-action="evict"]').click();
    expect(connections[8]?.state).toBe('open');
    await page.locator('[data-action="evict"]', { hasText: 'Really evict?' }).click();
    await state('evicted');
    expect(connections[8]?.state).toBe('evicted');
    await page.locator('#detail .close').click();
    await page.locator('#notes li', { hasText: 'evicted by an operator' }).waitFor(TIMEOUT);
  });

  it('says what came of an action until something else is done', async () => {
    await rowOf(page, 'user-10').click();
    await page.route('**/api/act', (route) => route.abort());
    await page.locator('[data-action="trip"]').click();
    await page.locator('#banner', { hasText: /^trip: / }).waitFor(TIMEOUT);
    await nextLook();
    await nextLook();
    expect(await page.locator('#banner').isVisible()).toBe(true);
    await page.unroute('**/api/act');
    await page.locator('[data-action="reset"]').click();
    await page.locator('#banner').waitFor({ state: 'hidden', ...TIMEOUT });
    await page.keyboard.press('Escape');
  });

  it('says so when what it shows is there no more', async () => {
    const [member] = connections;
    await member?.join('brief');
    await page.locator('[data-kind="threads"]').click();
    await rowOf(page, 'brief').click();
    await page.locator('#detail .chip', { hasText: 'live' }).waitFor(TIMEOUT);
    member?.leave('brief');
    await page.locator('#detail .chip', { hasText: 'gone' }).waitFor(TIMEOUT);
    expect(await page.locator('#detail h2').textContent()).toBe('brief');
    await page.keyboard.press('Escape');
    await page.locator('[data-kind="connections"]').click();
  });

  it('says who is in a thread, and leads to them', async () => {
    await page.locator('[data-kind="threads"]').click();
    await rowOf(page, 'room').click();
    await page.locator('.members button', { hasText: 'user-11' }).click();
    await page.locator('#detail h2', { hasText: 'user-11' }).waitFor(TIMEOUT);
    expect(await page.locator('.members').isHidden()).toBe(true);
    await page.keyboard.press('Escape');
    await page.locator('[data-kind="connections"]').click();
  });

  it('says of a client that went away by itself that it has left', async () => {
    const evicted = await page.locator('#evicted').textContent();
    const client = new WsClient(wsUrl, 'room');
    await client.until(({ isJoined }) => isJoined);
    await page.locator('#search').fill('real');
    await rowOf(page, 'real').click();
    await page.locator('#detail h2', { hasText: 'real' }).waitFor(TIMEOUT);
    client.socket.close(1000, 'bye');
    await page.locator('#detail .chip', { hasText: /^(left|gone)$/ }).waitFor(TIMEOUT);
    await page.keyboard.press('Escape');
    await page.locator('#notes li', { hasText: 'left 1000' }).waitFor(TIMEOUT);
    expect(await page.locator('#evicted').textContent()).toBe(evicted);
    await page.locator('#search').fill('');
  });

  it('can be used on a phone: columns stay in line, details come into view', async () => {
    const phone = await open(url, faults);
    await phone.setViewportSize({ width: 390, height: 844 });
    await rowOf(phone, 'user-20').waitFor(TIMEOUT);
    const columns: unknown = await phone.evaluate(`[...document.querySelectorAll('.row')].map((row) =>
      [...row.children].map((cell) => Math.round(cell.getBoundingClientRect().left)).join())`);
    expect(new Set(Array.isArray(columns) ? columns : [])).toHaveProperty('size', 1);
    expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await phone.locator('#rows .row').first().click();
    await phone.waitForFunction(
      `(({ top, bottom }) => top >= 0 && bottom <= innerHeight)(document.getElementById('detail').getBoundingClientRect())`,
    );
    expect(await axeFaults(phone)).toEqual([]);
    await phone.close();
  });

  it('goes on where the inspector has begun anew, as after a tab was hidden for long', async () => {
    expect(await page.locator('#notes li').count()).toBeGreaterThan(1);
    inspect.close();
    inspect = inspectorHandler(hub, { path: '/inspector/', actions: true, token: TOKEN });
    await page.locator('#no-notes').waitFor(TIMEOUT);
    const [, member] = connections;
    member?.close();
    await page.locator('#notes li', { hasText: 'user-2' }).waitFor(TIMEOUT);
    // two samples later
    await page.locator('[data-meter="published"] .value', { hasText: '0' }).waitFor(TIMEOUT);
  });

  it('can be used with the keyboard alone', async () => {
    const focused = () => page.evaluate('document.activeElement.id');
    // where the reader types, a slash is a slash
    await page.locator('#search').blur();
    await page.keyboard.press('/');
    expect(await focused()).toBe('search');
    await page.keyboard.type('user-1');
    await page.locator('#matching', { hasText: /^11 of 28$/ }).waitFor(TIMEOUT);
    // the arrow goes on from the search field into what it has found
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toBe('grid');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const active = await page.locator('#grid').getAttribute('aria-activedescendant');
    expect(active).toBe('row-2');
    const user = await page.locator(`#${active} > :nth-child(2)`).textContent();
    await page.keyboard.press('Enter');
    await page.locator('#detail h2', { hasText: user ?? '' }).waitFor(TIMEOUT);
    await page.keyboard.press('Escape');
    await page.locator('#detail').waitFor({ state: 'hidden', ...TIMEOUT });
    await page.locator('#tab-connection').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('[data-machine="thread"]').waitFor(TIMEOUT);
    expect(await focused()).toBe('tab-thread');
    await page.keyboard.press('ArrowLeft');
    await page.locator('#search').fill('');
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds wrong, in the %s theme', async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.locator('#rows .row').first().click();
    await page.locator('#detail h2').waitFor(TIMEOUT);
    // colours move for a moment
    await page.evaluate('Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => {})))');
    expect(await axeFaults(page)).toEqual([]);
    await page.keyboard.press('Escape');
    expect(await axeFaults(page)).toEqual([]);
  });

  it('is light or dark as the reader has it, or as the button says', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await brightnessOf(page);
    expect(light.page).toBeGreaterThan(light.text + 150);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await brightnessOf(page);
    expect(dark.text).toBeGreaterThan(dark.page + 150);
    const button = page.locator('#theme');
    await button.click();
    expect(await button.textContent()).toBe('Theme: light');
    expect(await brightnessOf(page)).toEqual(light);
    await button.click();
    expect(await brightnessOf(page)).toEqual(dark);
    await button.click();
    expect(faults).toEqual([]);
  });
});
