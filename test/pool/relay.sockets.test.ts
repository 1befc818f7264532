import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createHub, memoryLog, type DeliveryLog, type Hub } from '../../src/index.ts';
import { attachRelay, createPool, relayLog, type RelayOptions } from '../../src/pool/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { rejectionOf } from '../client/fake-network.ts';
import { freePort } from '../support/free-port.ts';

const TOKEN = 'secret';

/** A process with the log: it ends when the test does, or before. */
async function startPrimary(port: number, options: Partial<RelayOptions> = {}) {
  const server = createServer();
  const log: DeliveryLog = memoryLog();
  const relay = attachRelay(server, { log, authenticate: (_request, { token }) => token === TOKEN, ...options });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    relay.close();
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(stop);
  return { relay, log, stop };
}

function startNode(port: number, token = TOKEN): { readonly hub: Hub; readonly log: DeliveryLog } {
  const pool = createPool({
    url: `ws://127.0.0.1:${port}/relay`,
    WebSocket,
    token,
    retryDelaysMs: [20, 50],
    cooldownMs: 200,
    settleMs: 50,
  });
  pool.on('error', () => {});
  const log = relayLog({ pool });
  const hub = createHub({ log });
  onTestFinished(() => hub.close());
  return { hub, log };
}

async function join(hub: Hub, threadId = 't', from?: string): Promise<FakeLink> {
  const link = new FakeLink();
  const connection = hub.accept(link.attach, { authorize: () => true });
  await connection.join(threadId, from === undefined ? {} : { from });
  return link;
}

const dataOf = (link: FakeLink): unknown[] =>
  link.messages.flatMap((frame) =>
    typeof frame === 'object' && frame !== null && 't' in frame && frame.t === 'msg' && 'd' in frame ? [frame.d] : [],
  );

const gapsOf = (link: FakeLink): unknown[] =>
  link.messages.flatMap((frame) =>
    typeof frame === 'object' && frame !== null && 't' in frame && frame.t === 'gap' && 'why' in frame
      ? [frame.why]
      : [],
  );

it('hubs behind a relay are one hub: messages, history, members, values, orders about users', async () => {
  const port = await freePort();
  await startPrimary(port);
  const [here, there] = [startNode(port).hub, startNode(port).hub];
  const [one, other] = [await join(here), await join(there)];
  for (let i = 0; i < 50; i++) await (i % 2 === 0 ? here : there).thread('t').send(i);
  await here.thread('t').send('ü \n bytes');
  const expected = [...Array.from({ length: 50 }, (_, i) => i), 'ü \n bytes'];
  await expect.poll(() => [dataOf(one), dataOf(other)]).toEqual([expected, expected]);
  const { messages } = await there.thread('t').history({ limit: 3 });
  expect(messages.map(({ data }) => data)).toEqual([48, 49, 'ü \n bytes']);
  expect(await here.thread('nobody').history()).toMatchObject({ messages: [], hasOlder: false });
  await here.thread('t').values.set('seen', 7);
  expect(await there.thread('t').values.get('seen')).toBe(7);
  const stream = there.thread('t').stream({ id: 's' });
  stream.append('grow');
  await stream.end({ text: 'grown' });
  await expect.poll(() => dataOf(one).length).toBe(52);
});

it('a relay that was away costs nothing but time: what was sent meanwhile waits, and arrives once', async () => {
  const port = await freePort();
  const log = memoryLog();
  const first = await startPrimary(port, { log });
  const [here, there] = [startNode(port).hub, startNode(port).hub];
  const reader = await join(there);
  await here.thread('t').send('before');
  first.stop();
  const sent = here.thread('t').send('meanwhile');
  await startPrimary(port, { log });
  await sent;
  await here.thread('t').send('after');
  await expect.poll(() => dataOf(reader)).toEqual(['before', 'meanwhile', 'after']);
  expect(gapsOf(reader)).toEqual([]);
});

it('a primary that begins anew is an epoch, and is told as such', async () => {
  const port = await freePort();
  const first = await startPrimary(port);
  const { hub } = startNode(port);
  const reader = await join(hub);
  await hub.thread('t').send('before');
  first.stop();
  await startPrimary(port);
  await expect.poll(() => gapsOf(reader)).toEqual(['epoch']);
  await hub.thread('t').send('after');
  await expect.poll(() => dataOf(reader)).toEqual(['before', 'after']);
});

it('lets only its own nodes in, and only with its subprotocol', async () => {
  const port = await freePort();
  const { relay, log } = await startPrimary(port);
  const stranger = startNode(port, 'wrong');
  const refused = rejectionOf(stranger.hub.thread('t').send('x'));
  const dial = (protocol: string, token: string): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${port}/relay?token=${token}`, [protocol]).on('error', () => {});
  const [code] = await once(dial('threadcast.v1.relay', 'wrong'), 'close');
  expect(code).toBe(4401);
  const [, { statusCode }] = await once(dial('threadcast.v1.json', TOKEN), 'unexpected-response');
  expect(statusCode).toBe(400);
  expect(await refused).toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  expect(relay.nodes).toBe(0);
  expect(await log.position('t')).toMatchObject({ offset: 0 });
});

it('no junk of a node breaks the relay', async () => {
  const port = await freePort();
  const { relay } = await startPrimary(port);
  const { hub } = startNode(port);
  const talk = async (...texts: (string | Buffer)[]): Promise<unknown> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/relay?token=${TOKEN}`, ['threadcast.v1.relay']);
    await once(socket, 'open');
    const answers: string[] = [];
    socket.on('message', (data: Buffer) => answers.push(data.toString()));
    for (const text of texts) socket.send(typeof text === 'string' ? Buffer.from(text) : text);
    socket.send(Buffer.from('{"r":99,"t":"nothing","th":"t"}\n'));
    // it answers, or closes
    await expect.poll(() => socket.readyState !== WebSocket.OPEN || answers.join('').includes('"r":99')).toBe(true);
    socket.terminate();
    return answers.join('');
  };
  const name = '{"t":"node","id":"n1"}\n';
  await talk('no record', '{"t":"append"}\n');
  await talk(Buffer.from([1, 2, 3]));
  await talk(name, Buffer.from('{"r":1,"t":"note","th":"t","z":1}\n'));
  const heads = ['append', 'sub', 'anchor', 'entries', 'readAfter', 'readBefore', 'claim', 'set', 'watch', 'end', 'in'];
  const asked = heads.flatMap((t) => [
    `{"r":1,"t":"${t}","th":"t"}\n`,
    `{"r":1,"t":"${t}"}\n`,
    `{"r":1,"t":"${t}","th":"\\u0000","l":9,"m":9,"most":9,"draft":9,"h":9}\n`,
  ]);
  expect(await talk(name, '{"z":1e9}\n', '[]\n', '{"t":"__proto__","r":2,"th":"t"}\n', ...asked)).toContain('"why"');
  await expect.poll(() => relay.nodes).toBe(1);
  await hub.thread('u').send('still there');
});

it('ready() of a pool that carries a log waits for the relay, or says why there is none', async () => {
  const port = await freePort();
  const pool = createPool({ url: `ws://127.0.0.1:${port}/relay`, WebSocket, token: TOKEN, retryDelaysMs: [20] });
  pool.on('error', () => {});
  const hub = createHub({ log: relayLog({ pool }) });
  onTestFinished(() => hub.close());
  const ready = pool.ready();
  await startPrimary(port);
  await ready;
  await pool.ready();
  expect(pool.stats.connections.open).toBe(1);
  const wrong = createPool({ url: `ws://127.0.0.1:${port}/relay`, WebSocket, token: 'wrong' });
  wrong.on('error', () => {});
  const log = relayLog({ pool: wrong });
  onTestFinished(() => log.close());
  expect(await rejectionOf(wrong.ready())).toMatchObject({ code: 'TC_CONNECTION_REFUSED', closeCode: 4401 });
  await log.close();
  expect(await rejectionOf(wrong.ready())).toMatchObject({ code: 'TC_CLIENT_CLOSED' });
});

it('a pool that carries a log has no threads, and one that has threads carries no log', () => {
  const make = () => createPool({ url: 'ws://127.0.0.1:1/', WebSocket });
  const lent = make();
  const log = relayLog({ pool: lent });
  onTestFinished(() => log.close());
  lent.on('error', () => {});
  expect(() => lent.join('t')).toThrow(expect.objectContaining({ code: 'TC_CLIENT_CLOSED' }));
  expect(() => relayLog({ pool: lent })).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  const used = make();
  onTestFinished(() => used.close());
  used.on('error', () => {});
  used.join('t');
  expect(() => relayLog({ pool: used })).toThrow(expect.objectContaining({ code: 'TC_INVALID_OPTION' }));
  expect(() => attachRelay(createServer(), Object.assign({ log: memoryLog() }))).toThrow(
    expect.objectContaining({ code: 'TC_INVALID_OPTION' }),
  );
});
