import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createHub, type Hub } from '../../src/index.ts';
import { inspectorHandler, type InspectorHandler } from '../../src/inspector/index.ts';

let hub: Hub;

beforeEach(() => {
  hub = createHub();
});

afterEach(() => hub.close());

/** What Express, Connect and middie do of `app.use(mount, handler)`: the mount goes from `url`, the whole stays in `originalUrl`. */
function use(mount: string, handler: InspectorHandler) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const original = request.url ?? '';
    const next = (): void => void response.writeHead(404).end();
    if (original !== mount && !original.startsWith(`${mount}/`) && !original.startsWith(`${mount}?`)) return next();
    const rest = original.slice(mount.length);
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    Object.assign(request, { originalUrl: original });
    handler(request, response, next);
  };
}

async function listen(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

async function askPage(url: string): Promise<{ status: number; location: string | null; type: string | null }> {
  const { status, headers } = await fetch(url, { redirect: 'manual' });
  return { status, location: headers.get('location'), type: headers.get('content-type') };
}

it.each([
  ['the whole path', '/admin/inspector', '/admin/inspector/'],
  ['what follows the mount', '/admin', '/inspector/'],
  ['nothing', '/admin/inspector', '/'],
  ['the whole path, mounted at an end of it', '/admin', '/admin/inspector/'],
])('under a mount of a framework, the path may be %s', async (_, mount, path) => {
  const url = await listen(use(mount, inspectorHandler(hub, { path })));
  expect(await askPage(`${url}/admin/inspector/`)).toMatchObject({ status: 200, type: 'text/html; charset=utf-8' });
  expect(await askPage(`${url}/admin/inspector/?x=/`)).toMatchObject({ status: 200 });
  // built with the package, so not here; but known
  expect((await askPage(`${url}/admin/inspector/page.js`)).status).not.toBe(404);
  expect(await askPage(`${url}/admin/inspector/api/look`)).toMatchObject({ status: 401 });
  // the page asks for its files by relative names
  expect(await askPage(`${url}/admin/inspector`)).toMatchObject({ status: 308, location: '/admin/inspector/' });
  for (const other of ['/', '/admin-2/', '/inspector/', '/page.js']) {
    expect(await askPage(url + other)).toMatchObject({ status: 404 });
  }
});

it('leaves to the application what is not its own', async () => {
  const url = await listen(use('/admin', inspectorHandler(hub, { path: '/inspector/' })));
  for (const other of ['/admin', '/admin/', '/admin/users', '/admin/inspector-2/']) {
    expect(await askPage(url + other)).toMatchObject({ status: 404 });
  }
});

it('has its key in its location, which only a handler without a token has', () => {
  const handler = inspectorHandler(hub, { path: '/inspector/' });
  expect(handler.location).toMatch(/^\/inspector\/#token=[\w-]{32}$/);
  expect(inspectorHandler(hub, { path: '/inspector/', token: 'a-token-of-some-length' }).location).toBe('/inspector/');
});
