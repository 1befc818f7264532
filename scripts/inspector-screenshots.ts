/**
 * Photographs the inspector in both themes, `docs/inspector-light.png` and `docs/inspector-dark.png`, of a hub with a crowd of which
 * some are in trouble: `npm run docs:screenshots`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { createHub } from 'threadcast';
import { inspector } from 'threadcast/inspector';
import { FakeLink } from 'threadcast/testing';

const NAMES = ['ada', 'grace', 'edsger', 'barbara', 'alan', 'katherine', 'dennis', 'margaret', 'ken', 'hedy'];
const CROWD = 640;
const MESSAGE_MS = 40;
const TROUBLE_MS = 560;

const hub = createHub({
  sendTimeoutMs: 1_200,
  sweepMs: 200,
  retryDelaysMs: [500, 900, 1_500],
  cooldownMs: 3_500,
  newId: (
    (n) => () =>
      `c-${(++n * 7_919).toString(36).padStart(6, '0')}`
  )(0),
});
const links: FakeLink[] = [];
for (let i = 0; i < CROWD; i++) {
  const link = new FakeLink();
  links.push(link);
  const name = NAMES[i % NAMES.length] ?? '';
  await hub.accept(link.attach, { userId: `${name}-${1 + Math.floor(i / NAMES.length)}` }).join(`room-${i % 12}`);
}
const server = await inspector(hub, { actions: true });

let sent = 0;
const talk = setInterval(() => {
  const busy = 1 + Math.round(2 * (1 + Math.sin(sent / 60)));
  for (let i = 0; i < busy; i++) void hub.thread(`room-${sent % 12}`).send({ text: `message ${sent++}` });
  // a real client would not keep them either
  for (const link of links) link.received.length = 0;
}, MESSAGE_MS);
// every third stays away, the others come back in time
let stalled = 0;
const trouble = setInterval(() => {
  const link = links[(stalled * 37) % CROWD];
  link?.stall();
  if (stalled++ % 3 !== 0) setTimeout(() => link?.resume(), 1_900 + 370 * (stalled % 5));
}, TROUBLE_MS);

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1440, height: 900 } });
await page.goto(server.url);
await delay(24_000);
await page.screenshot({ path: 'docs/inspector-light.png' });
await page.emulateMedia({ colorScheme: 'dark' });
await page.locator('#rows .tripped').nth(1).click();
await delay(1_500);
await page.screenshot({ path: 'docs/inspector-dark.png' });

await browser.close();
clearInterval(talk);
clearInterval(trouble);
await server.close();
await hub.close();
// links that still come back
process.exit(0);
