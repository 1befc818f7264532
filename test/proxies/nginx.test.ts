import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { httpHandler } from '../../src/http/index.ts';
import { createHub } from '../../src/index.ts';
import { launchBrowser } from '../e2e/support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { toolPath } from '../support/tool.ts';

/** The page of a user of ours: the built client with its fallback, and a browser's own EventSource. */
const PAGE = `<!doctype html><title>client</title><script type="module">
  import { connect } from '/client/index.js';
  import { sse } from '/client/sse.js';
  window.got = [];
  window.own = [];
  const url = location.origin.replace('http', 'ws') + '/chat';
  const client = connect(url, { transports: [sse()], backoff: { minMs: 50, maxMs: 200 } });
  window.client = client;
  const thread = (window.thread = client.join('t', { from: 'start' }));
  thread.on('message', ({ data }) => window.got.push(data));
  thread.on('gap', ({ why }) => window.got.push('gap ' + why));
  const events = new EventSource('/chat/t/events?format=plain&from=start');
  events.onmessage = ({ data }) => window.own.push(JSON.parse(data));
</script>`;

const hub = createHub();
const door = httpHandler(hub, {
  path: '/chat',
  authorize: () => true,
  onPublish: (_, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
});
const app = createServer((request, response) => {
  door.node(request, response, () => {
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
});
// the upgrade would work, if it came
hub.attach(app, { path: '/chat', authorize: () => true });

let browser: Browser;
let appPort = 0;

beforeAll(async () => {
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const address = app.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  appPort = address.port;
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await hub.close();
  app.closeAllConnections();
  app.close();
});

/** Debian's nginx as a proxy that passes no upgrade on. */
async function startNginx(buffering: 'on' | 'off'): Promise<{ port: number; restart: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'threadcast-nginx-'));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`);
  await writeFile(
    join(dir, 'nginx.conf'),
    `daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1;
     events { worker_connections 256; }
     http {
       access_log off; ${paths.join(' ')}
       server {
         listen 127.0.0.1:${port};
         location / {
           proxy_pass http://127.0.0.1:${appPort};
           proxy_http_version 1.1;
           proxy_set_header Host $http_host;
           proxy_set_header Connection "";
           proxy_set_header Upgrade "";
           proxy_buffering ${buffering};
         }
       }
     }`,
  );
  const start = async (): Promise<() => Promise<void>> => {
    const nginx = spawn(toolPath('nginx'), ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')]);
    const isUp = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isUp).toBe(true);
    return async () => {
      nginx.kill('SIGTERM');
      await once(nginx, 'exit');
    };
  };
  let stop = await start();
  onTestFinished(async () => {
    await stop();
    await rm(dir, { recursive: true });
  });
  return {
    port,
    restart: async () => {
      await stop();
      stop = await start();
    },
  };
}

it.each(['on', 'off'] as const)('a page behind an nginx that strips Upgrade, buffering %s', async (buffering) => {
  // those of a page before this one have gone
  await expect.poll(() => hub.thread('t').members.length).toBe(0);
  const nginx = await startNginx(buffering);
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  const before = (await hub.thread('t').history()).messages.map(({ data }) => data);
  await page.goto(`http://127.0.0.1:${nginx.port}/page`);
  const read = (expression: string): Promise<unknown> => page.evaluate(expression);
  await expect.poll(() => read('client.state')).toBe('open');
  // the client and the browser's own
  await expect.poll(() => hub.thread('t').members.length).toBe(2);
  // that it arrives is seen below: a page that is slow may lose a line meanwhile, and resume
  await hub.thread('t').send({ n: 1, big: 'x'.repeat(1_000_000) });
  await read(`client.publish('t', 'from the page ${buffering}')`);
  const stream = hub.thread('t').stream({ id: `s-${buffering}` });
  stream.append('token ');
  await expect.poll(() => read(`thread.follow('s-${buffering}').text`)).toBe('token ');
  await stream.end();
  const expected = async (): Promise<unknown[]> =>
    (await hub.thread('t').history()).messages.map(({ data }) => data).slice(before.length);
  await expect.poll(() => read(`got.slice(${before.length})`)).toEqual(await expected());
  // the line is lost with the proxy: both come back and go on where they were
  await nginx.restart();
  await hub.thread('t').send('after the restart');
  await expect.poll(() => read(`got.slice(${before.length})`)).toEqual(await expected());
  await expect.poll(() => read(`own.slice(${before.length})`)).toEqual(await expected());
});
