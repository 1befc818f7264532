import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createHub, memoryLog, refuse, type Hub, type PublishAnswer } from 'threadcast';
import { inspectorHandler } from 'threadcast/inspector';
import type { Wish } from './desk.ts';
import { mayJoin } from './threads.ts';

/** The page's files: a table, so that no path can leave it. */
const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'index.html', type: 'text/html' },
  '/app.js': { file: 'app.js', type: 'text/javascript' },
  '/controls.js': { file: 'controls.js', type: 'text/javascript' },
  '/conversation.js': { file: 'conversation.js', type: 'text/javascript' },
  '/link.js': { file: 'link.js', type: 'text/javascript' },
  '/status.js': { file: 'status.js', type: 'text/javascript' },
  '/style.css': { file: 'style.css', type: 'text/css' },
};

export interface DemoServer {
  readonly hub: Hub;
  /** Of the page. */
  readonly url: string;
  /** Of the inspector. */
  readonly inspectorUrl: string;
  /** Of the WebSocket endpoint. */
  readonly wsUrl: string;
  close(): Promise<void>;
}

/**
 * An HTTP server with the page, and a hub that takes its WebSockets: all that a backend needs.
 *
 * @param onPublish decides about what clients publish
 */
export async function startServer(
  port: number,
  onPublish: (userId: string, wish: Wish) => Promise<PublishAnswer>,
): Promise<DemoServer> {
  const hub = createHub({
    // impatient, so that a stopped client goes all the way to its eviction while one watches
    sendTimeoutMs: 1_000,
    retryDelaysMs: [200, 400, 800],
    cooldownMs: 2_000,
    // on a machine that has no core to spare, the big result takes long; that is no reason to end the demo
    serializer: { timeoutMs: 60_000 },
    // room for the big result and all that comes with it, but not for the plays before
    log: memoryLog({ maxBytes: 80 * 1024 * 1024 }),
  });
  const inspect = inspectorHandler(hub, { path: '/inspector/', actions: true });
  const http = createServer((request, response) => {
    if (!inspect(request, response)) void servePage(request, response, inspect.location);
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  hub.attach(http, {
    path: '/ws',
    authenticate({ url = '/' }) {
      const userId = new URL(url, 'ws://localhost').searchParams.get('user');
      return userId === null ? refuse(401) : { userId };
    },
    authorize: (_session, threadId) => mayJoin(threadId),
    onPublish: ({ userId }, wish) => onPublish(userId, wish),
  });
  const address = http.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : port}`;
  return {
    hub,
    url: `http://${host}/`,
    inspectorUrl: `http://${host}${inspect.location}`,
    wsUrl: `ws://${host}/ws`,
    async close() {
      await hub.drain({ timeoutMs: 1_000 });
      inspect.close();
      http.close();
      http.closeAllConnections();
    },
  };
}

/** The link to the inspector carries its key: right for a demo, which is there for one person on this machine. */
async function servePage(request: IncomingMessage, response: ServerResponse, inspector: string): Promise<void> {
  const asset = FILES[request.url?.split('?', 1)[0] ?? '/'];
  if (asset === undefined || request.method !== 'GET') {
    response.writeHead(asset === undefined ? 404 : 405).end();
    return;
  }
  try {
    const file = await readFile(new URL(`./page/${asset.file}`, import.meta.url), 'utf8');
    const body = file.replace('href="inspector/"', `href="${inspector.slice(1)}"`);
    response.writeHead(200, {
      'content-type': `${asset.type}; charset=utf-8`,
      'content-security-policy': "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'",
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    response.end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}
