import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createHub } from '../../src/index.ts';
import { startFlakyProxy } from './support/flaky-proxy.ts';
import { RawChromium } from './support/raw-chromium.ts';

/** Left alone, the client would come back after an hour. */
const PAGE = `<!doctype html><title>client</title><script type="module">
  import { connect } from '/client/index.js';
  window.got = [];
  window.events = [];
  for (const event of ['freeze', 'resume']) document.addEventListener(event, () => window.events.push(event));
  const hour = 3_600_000;
  const client = connect(location.origin.replace('http', 'ws') + '/ws', { backoff: { minMs: hour, maxMs: hour } });
  client.join('t', { from: 'start' }).on('message', ({ data }) => window.got.push(data));
</script>`;

async function serve(): Promise<{ hub: ReturnType<typeof createHub>; origin: string }> {
  const hub = createHub();
  const http = createServer((request, response) => {
    const file = /^\/client\/[\w-]+\.js$/.exec(request.url ?? '')?.[0];
    if (file === undefined) {
      response.setHeader('content-type', 'text/html').end(PAGE);
      return;
    }
    readFile(new URL(`../../dist${file}`, import.meta.url)).then(
      (text) => response.setHeader('content-type', 'text/javascript').end(text),
      () => response.writeHead(404).end(),
    );
  });
  hub.attach(http, { path: '/ws', authorize: () => true });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(async () => {
    await hub.close();
    http.closeAllConnections();
    http.close();
  });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { hub, origin: `http://127.0.0.1:${address.port}` };
}

it('a page that was frozen while its line was lost is connected at once when it thaws, and misses nothing', async () => {
  const { hub, origin } = await serve();
  const proxy = await startFlakyProxy(origin);
  onTestFinished(() => proxy.close());
  const chromium = await RawChromium.start();
  const page = await chromium.open(proxy.url);
  const until = async (expression: string): Promise<void> => {
    await expect.poll(() => page.evaluate(expression)).toBe(true);
  };
  const [members, frozen] = [() => hub.thread('t').memberCount(), { state: 'frozen' }];
  await hub.thread('t').send(1);
  await until('window.got?.length === 1');
  await (await chromium.open('about:blank')).show();
  await until('document.visibilityState === "hidden"');
  await page.send('Page.setWebLifecycleState', frozen);
  await until('window.events.includes("freeze")');
  proxy.cut();
  await expect.poll(members).toBe(0);
  await hub.thread('t').send(2);
  await page.send('Page.setWebLifecycleState', { state: 'active' });
  // hidden as before: no other event wakes it
  await until('window.got.length === 2');
  expect(await page.evaluate('[...window.got, ...window.events, document.visibilityState]')).toEqual([
    1,
    2,
    'freeze',
    'resume',
    'hidden',
  ]);
});
