import { afterEach, expect, it } from 'vitest';
import { SteppedClock } from '../support/stepped-clock.ts';
import { serveWs, WsClient, type WsServer } from '../support/ws-server.ts';

let server: WsServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const BIG = 'x'.repeat(8_000_000);

async function joined(clock?: SteppedClock): Promise<{ server: WsServer; client: WsClient }> {
  server = await serveWs({ hub: { clock } });
  const client = new WsClient(server.url, 't');
  await client.until(({ isJoined }) => isJoined);
  return { server, client };
}

it.each([1000, 4403, 4409])('a big message that has begun arrives before the close code %i', async (code) => {
  const { server, client } = await joined();
  const receipt = await server.hub.thread('t').send(BIG);
  const settled = receipt.settled();
  for (const connection of server.hub.connections) connection.close(code, 'so it is');
  expect(await client.closed).toBe(code);
  expect(client.messages.map(({ d }) => d)).toEqual([BIG]);
  expect(await settled).toMatchObject({ written: 1, evicted: 0 });
});

it('the close code arrives whenever the peer reads', async () => {
  const clock = new SteppedClock();
  const { server, client } = await joined(clock);
  client.socket.pause();
  await server.hub.thread('t').send(BIG);
  for (const connection of server.hub.connections) connection.close(4403, 'out');
  await clock.advance(1_000);
  client.socket.resume();
  expect(await client.closed).toBe(4403);
  expect(client.messages.map(({ d }) => d)).toEqual([BIG]);
});

it('hub.close finishes what has begun', async () => {
  const { server, client } = await joined();
  await server.hub.thread('t').send(BIG);
  await server.hub.close();
  expect(await client.closed).toBe(1001);
  expect(client.messages.map(({ d }) => d)).toEqual([BIG]);
});
