import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createHub, memoryLog, SUBPROTOCOL, type Hub } from 'threadcast';
import { inspectorHandler } from 'threadcast/inspector';
import { WebSocketServer } from 'ws';
import { mayJoin } from './threads.ts';

/** The page's files: a table, so that no path can leave it. */
const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'index.html', type: 'text/html' },
  '/app.js': { file: 'app.js', type: 'text/javascript' },
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

/** An HTTP server with the page, a WebSocket server, and the hub that takes its sockets over: all that a backend needs. */
export async function startServer(port: number): Promise<DemoServer> {
  const hub = createHub({
    // impatient, so that a stopped client goes all the way to its eviction while one watches
    sendTimeoutMs: 1_000,
    retryDelaysMs: [200, 400, 800],
    cooldownMs: 2_000,
    // room for the big result and all that comes with it, but not for the plays before
    log: memoryLog({ maxBytes: 32 * 1024 * 1024 }),
  });
  const inspect = inspectorHandler(hub, { path: '/inspector/', actions: true });
  const http = createServer((request, response) => {
    if (!inspect(request, response)) void servePage(request, response, inspect.location);
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  const wss = new WebSocketServer({
    server: http,
    path: '/ws',
    maxPayload: 64 * 1024,
    handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
  wss.on('connection', (socket, request) => {
    const { searchParams } = new URL(request.url ?? '/', 'ws://localhost');
    hub.accept(socket, { userId: searchParams.get('user') ?? 'guest', authorize: mayJoin });
  });
  const address = http.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : port}`;
  return {
    hub,
    url: `http://${host}/`,
    inspectorUrl: `http://${host}${inspect.location}`,
    wsUrl: `ws://${host}/ws`,
    async close() {
      // first no newcomers: the hub refuses them from here on
      wss.close();
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
