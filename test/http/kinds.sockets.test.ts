import { once } from 'node:events';
import { createServer as createHttp2, connect as connectHttp2 } from 'node:http2';
import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { preencoded } from '../../src/index.ts';
import { EventReader, json, serveHttp } from './fixtures/http-server.ts';

it('serves HTTP/2: many streams of one connection, each with its own stall', async () => {
  const { hub, handler, connections } = await serveHttp({ onPublish: () => true });
  const server = createHttp2(handler.node);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const open = async (path: string) => {
    const stream = client.request({ ':path': path });
    const [headers] = await once(stream, 'response');
    return { stream, status: headers[':status'] };
  };
  const one = await open('/t/events');
  const two = await open('/t/events?format=plain');
  expect([one.status, two.status]).toEqual([200, 200]);
  let text = '';
  two.stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  // nobody reads the first one: its window fills, and the second one is not kept
  for (let i = 0; i < 40; i++) await hub.thread('t').send(`${i}`.padEnd(100_000, 'x'));
  await expect.poll(() => text.includes('"39x')).toBe(true);
  await expect.poll(() => connections[0]?.stats.unsentBytes ?? 0).toBeGreaterThan(0);
  expect(connections[1]?.stats.behind).toBe(0);
  const post = client.request({ ':path': '/t/messages', ':method': 'POST', 'content-type': 'application/json' });
  post.end('1');
  const [answer] = await once(post, 'response');
  expect(answer[':status']).toBe(200);
  // what was held back comes when it is read
  let bytes = 0;
  one.stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await expect.poll(() => bytes).toBeGreaterThan(4_000_000);
  one.stream.close();
  await expect.poll(() => connections[0]?.state).toBe('evicted');
  expect(connections[1]?.state).toBe('open');
});

it('answers a Request with a Response, and follows the pace of its reader', async () => {
  const { hub, handler, connections } = await serveHttp({ onPublish: () => true });
  const controller = new AbortController();
  const response = await handler.fetch(new Request('http://hub/t/events', { signal: controller.signal }));
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error('no body');
  for (let i = 0; i < 40; i++) await hub.thread('t').send(`${i}`.padEnd(100_000, 'x'));
  expect(connections[0]?.stats.behind).toBe(1);
  let bytes = 0;
  while (bytes < 4_000_000) bytes += (await reader.read()).value?.length ?? 0;
  const posted = await handler.fetch(new Request('http://hub/t/messages', json({ a: 1 })));
  expect(posted.status).toBe(200);
  expect((await handler.fetch(new Request('http://hub/other'))).status).toBe(404);
  controller.abort();
  await expect.poll(() => connections[0]?.state).toBe('evicted');
  // a server would report a body that ends with an error
  for (let isOver = false; !isOver;) isOver = (await reader.read()).done;
});

it('ends a fetch response once, whose client goes while the hub closes', async () => {
  const { handler, hub } = await serveHttp();
  const controller = new AbortController();
  const response = await handler.fetch(new Request('http://hub/t/events', { signal: controller.signal }));
  const closed = hub.close();
  controller.abort();
  await closed;
  expect(await response.text()).toContain('"t":"hello"');
});

it('ends a fetch response whose reader cancels it', async () => {
  const { handler, connections } = await serveHttp();
  const response = await handler.fetch(new Request('http://hub/t/events'));
  await response.body?.cancel();
  await expect.poll(() => connections[0]?.state).toBe('evicted');
});

it('writes through a response that a middleware has changed', async () => {
  let written = 0;
  const { hub, url } = await serveHttp({}, {}, ({ node }) => (incoming, response) => {
    const write = response.write.bind(response);
    response.write = (...args: unknown[]): boolean => {
      written++;
      return Boolean(Reflect.apply(write, undefined, args));
    };
    node(incoming, response);
  });
  const reader = await EventReader.open(`${url}/t/events`);
  await hub.thread('t').send('hi');
  await reader.until(({ messages }) => messages.length === 1);
  expect(written).toBeGreaterThan(0);
});

it('keeps a line break in the bytes of the application from ending an event', async () => {
  const { hub, url } = await serveHttp();
  const reader = await EventReader.open(`${url}/t/events`);
  await hub.thread('t').send(preencoded(Buffer.from('{\n  "a":\r\n 1\n\n}')));
  await reader.until(({ messages }) => messages.length === 1);
  expect(reader.messages).toEqual([{ a: 1 }]);
});

it('answers a client of HTTP/1.0', async () => {
  const { hub, port } = await serveHttp();
  const asked = request({ port, path: '/t/events', headers: { connection: 'close' } });
  Reflect.set(asked, 'useChunkedEncodingByDefault', false);
  asked.end();
  const [response] = await once(asked, 'response');
  await hub.thread('t').send('hi');
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.includes('"d":"hi"')) break;
  }
  expect(text).toContain('"d":"hi"');
});

it('leaves other requests to the application', async () => {
  const { url } = await serveHttp({ path: '/chat' }, {}, ({ node }) => (incoming, response) => {
    node(incoming, response, () => response.end('app'));
  });
  expect(await (await fetch(`${url}/`)).text()).toBe('app');
  expect(await (await fetch(`${url}/chat`)).text()).toBe('app');
  expect(await (await fetch(`${url}/chatter/t/events`)).text()).toBe('app');
  expect((await fetch(`${url}/chat/t/events?from=x`)).status).toBe(400);
});
