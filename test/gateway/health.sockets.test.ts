import { createServer } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { createHub, healthHandler, memoryLog, type DeliveryLog, type HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function serve(options: HubOptions = {}) {
  const hub = createHub(options);
  const health = healthHandler(hub);
  const server = createServer((request, response) => health(request, response) || response.writeHead(404).end('app'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => hub.close());
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { connection: 'close' } });
    const text = await response.text();
    return { status: response.status, text };
  };
  return { hub, ask };
}

const READY = { live: true, ready: true, reasons: [] };

it('a running hub is live and ready, and other requests are the application’s', async () => {
  const { hub, ask } = await serve();
  expect(hub.health()).toEqual(READY);
  for (const path of ['/livez', '/readyz', '/readyz?verbose'])
    expect(await ask(path)).toEqual({ status: 200, text: JSON.stringify(READY) });
  expect(await ask('/readyz', 'HEAD')).toEqual({ status: 200, text: '' });
  expect((await ask('/livez', 'POST')).status).toBe(405);
  expect(await ask('/livez/')).toEqual({ status: 404, text: 'app' });
});

it('a hub that drains is live and not ready, one that is closed is neither', async () => {
  const { hub, ask } = await serve();
  const link = new FakeLink();
  hub.accept(link.attach);
  const drained = hub.drain({ timeoutMs: 2_000 });
  expect(hub.health()).toEqual({ live: true, ready: false, reasons: ['draining'] });
  await drained;
  expect(await ask('/livez')).toEqual({ status: 503, text: '{"live":false,"ready":false,"reasons":["stopped"]}' });
});

it('a hub that cannot reach its log, or is full, is not ready', async () => {
  let tell: (error: Error | undefined) => void = () => {};
  const log: DeliveryLog = Object.assign(memoryLog(), {
    watch: (onChange: (error: Error | undefined) => void) => {
      tell = onChange;
    },
  });
  const { hub } = await serve({ log, maxConnections: 1 });
  tell(new Error('gone'));
  expect(hub.health().reasons).toEqual(['log']);
  const connection = hub.accept(new FakeLink().attach);
  expect(hub.health().reasons).toEqual(['log', 'connections']);
  tell(undefined);
  connection.close();
  expect(hub.health()).toEqual(READY);
});

it('a full hub that lets new connections in is ready', async () => {
  const { hub } = await serve({ maxConnections: 1, whenFull: 'evict-oldest' });
  hub.accept(new FakeLink().attach);
  expect(hub.health()).toEqual(READY);
});

it('other paths, as a middleware, and bad options', () => {
  const hub = createHub();
  ends.push(() => hub.close());
  for (const options of [
    { livePath: 'live' },
    { livePath: '/a b' },
    { livePath: '/x', readyPath: '/x' },
    JSON.parse('{"lifePath":"/x"}'),
  ])
    expect(() => healthHandler(hub, options)).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  expect(() => healthHandler(JSON.parse('{}'))).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
});
