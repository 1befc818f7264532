import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/bytes/index.ts';
import { sse } from '../../src/client/sse.ts';
import { BytesReader } from '../../src/client/bytes-reader.ts';
import { parseFrame } from '../../src/client/frames.ts';
import { connect as connectForText } from '../../src/client/index.ts';
import { PartAssembly } from '../../src/client/part-assembly.ts';
import { answer, memoryLog, type Receipt } from '../../src/index.ts';
import { serveHttp, type Served } from '../http/fixtures/http-server.ts';
import { bytesOverCuts } from '../support/bytes-over-cuts.ts';
import { serve, type Door } from '../support/gateway.ts';
import { greetingServer } from '../support/greeting-server.ts';

it('random bytes of all sizes and texts, over cuts, come once, in order and equal', async () => {
  expect(await bytesOverCuts([memoryLog()])).toEqual([]);
});

async function chat(): Promise<Door> {
  const door: Door = await serve({
    authenticate: () => ({ userId: 'ada' }),
    authorize: () => true,
    onPublish: (_, { threadId, id, data }): Promise<Receipt> =>
      door.hub.thread(threadId).send(data, { idempotencyKey: id }),
  });
  return door;
}

it('a client gets bytes in each of its events, and its own back', async () => {
  const { url, hub } = await chat();
  const client = connect(url, { inbox: { from: 'start' } });
  onTestFinished(() => client.close());
  const thread = client.join('t');
  const got: unknown[] = [];
  const replaced: unknown[] = [];
  const inbox: unknown[] = [];
  thread.on('message', ({ data }) => got.push(data));
  thread.on('replaced', ({ data }) => replaced.push(data));
  client.inbox.on('message', ({ data }) => inbox.push(data));
  await expect.poll(() => thread.position).toBeDefined();
  const mine = Uint8Array.of(1, 0, 255);
  const publishing = client.publish('t', mine, { id: 'mine' });
  mine.fill(9);
  const { messageId } = await publishing;
  // the same message again, which the hub knows
  await client.publish('t', Uint8Array.of(1, 0, 255), { id: 'mine' });
  await hub.thread('t').send(Uint8Array.of(2), { replaces: messageId });
  await hub.thread('t').send(Uint8Array.of(3), { lane: 'critical' });
  await hub.thread('t').send(Uint8Array.of(4), { lane: 'volatile' });
  await hub.user('ada').send(Uint8Array.of(5));
  await [...hub.connections][0]?.send(new Uint8Array());
  await expect.poll(() => inbox.length).toBe(2);
  await expect.poll(() => got.length).toBe(3);
  expect(got).toEqual([Uint8Array.of(1, 0, 255), Uint8Array.of(3), Uint8Array.of(4)]);
  expect(replaced).toEqual([Uint8Array.of(2)]);
  expect(inbox).toEqual([Uint8Array.of(5), new Uint8Array()]);
  await expect(client.publish('t', new Uint8Array(70_000))).rejects.toMatchObject({ code: 'TC_MESSAGE_TOO_LARGE' });
  await expect(client.publish('t', new Uint8Array(1), { id: 'no id' })).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
  });
  expect(await client.publish('t', Uint8Array.of(6), { volatile: true })).toMatchObject({ id: expect.any(String) });
  client.close();
  await expect(client.publish('t', new Uint8Array(1))).rejects.toMatchObject({ code: 'TC_CLIENT_CLOSED' });
});

it.each([
  ['threadcast/bytes', connect, Uint8Array.of(9, 0)],
  ['threadcast/client, as base64', connectForText, 'CQA='],
])('an answer of bytes comes to %s', async (_, open, expected) => {
  const { url } = await serve({ authorize: () => true, onPublish: () => answer(Uint8Array.of(9, 0)) });
  const client = open(url);
  onTestFinished(() => client.close());
  expect((await client.publish('t', 'text')).data).toEqual(expected);
});

it('parts of another subscription, which the client has ignored, make it ask anew', () => {
  const parts = new PartAssembly(1_000);
  const reader = new BytesReader(1_000);
  const take = (n: number, isJoined = true): string => {
    const header = Buffer.from(`${JSON.stringify({ t: 'part', th: 't', o: 1, id: 'x', n, of: 4 })}\0ab`);
    const frame = parseFrame(reader.read(new Uint8Array(header).buffer, () => true));
    if (frame === undefined || frame === 'ignored' || frame.t !== 'part') throw new Error('no part');
    return isJoined ? parts.add(frame) : 'ignored';
  };
  expect([take(0), take(1), take(2, false), take(2)]).toEqual(['taken', 'taken', 'ignored', 'disordered']);
  expect([take(0), take(1)]).toEqual(['taken', 'taken']);
  reader.forget('t');
  expect([take(2), take(3), take(0)]).toEqual(['disordered', 'disordered', 'taken']);
});

it('a message beyond maxMessageBytes is a gap, and what follows comes', async () => {
  const { url, hub } = await chat();
  const client = connect(url, { maxMessageBytes: 400_000 });
  onTestFinished(() => client.close());
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  const thread = client.join('t');
  const gaps: unknown[] = [];
  const got: unknown[] = [];
  thread.on('gap', ({ why }) => gaps.push(why));
  thread.on('message', ({ data }) => got.push(data));
  await expect.poll(() => thread.position).toBeDefined();
  await hub.thread('t').send(new Uint8Array(500_000));
  await hub.thread('t').send(new Uint8Array(300_000));
  await expect.poll(() => got.length).toBe(1);
  expect(gaps).toEqual(['too-large']);
  expect(got).toEqual([new Uint8Array(300_000)]);
  expect(errors).toMatchObject([{ code: 'TC_MESSAGE_TOO_LARGE' }]);
});

it('all of it works over SSE, where bytes are base64', async () => {
  const served: Served = await serveHttp({
    onPublish: (_, { threadId, data }): Promise<Receipt> => served.hub.thread(threadId).send(data),
  });
  const client = connect(served.url.replace('http', 'ws'), { transports: [sse({ failures: 0 })] });
  onTestFinished(() => client.close());
  const thread = client.join('t');
  const got: unknown[] = [];
  thread.on('message', ({ data }) => got.push(data));
  await expect.poll(() => thread.position).toBeDefined();
  const small = Uint8Array.from({ length: 20_000 }, (_, i) => i);
  const big = Uint8Array.from({ length: 600_001 }, (_, i) => (i * i) >> 4);
  await client.publish('t', small);
  await served.hub.thread('t').send(big);
  await expect.poll(() => got.length).toBe(2);
  expect(got[0]).toEqual(small);
  expect(Buffer.compare(Buffer.from(Object(got[1])), big)).toBe(0);
});

it('a server that takes no bytes is not given any', async () => {
  const { url, binary } = await greetingServer();
  const client = connect(url);
  onTestFinished(() => client.close());
  await expect(client.publish('t', Uint8Array.of(1))).rejects.toMatchObject({
    code: 'TC_PUBLISH_REFUSED',
    reason: 'unsupported',
  });
  expect(binary).toEqual([]);
});
