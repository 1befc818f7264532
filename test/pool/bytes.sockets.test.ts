import { expect, it, onTestFinished } from 'vitest';
import { answer, memoryLog } from '../../src/index.ts';
import { createPool, type Pool } from '../../src/pool/index.ts';
import { bytesOverCuts } from '../support/bytes-over-cuts.ts';
import { serve, type Door } from '../support/gateway.ts';
import { greetingServer } from '../support/greeting-server.ts';

it('random bytes of all sizes and texts, over cuts, come once, in order and equal', async () => {
  const wrong = await bytesOverCuts([memoryLog()], (WebSocket) => {
    const pool = createPool({ url: 'ws://hub', WebSocket, retryDelaysMs: [5, 10, 30], cooldownMs: 50, settleMs: 20 });
    pool.on('error', () => {});
    return pool;
  });
  expect(wrong).toEqual([]);
});

function poolOf(url: string): Pool {
  const pool = createPool({ url });
  onTestFinished(() => pool.close());
  return pool;
}

it('a pool publishes bytes, as they were at the call, and gets bytes in messages, edits and answers', async () => {
  const door: Door = await serve({
    authorize: () => true,
    onPublish: async (_, { threadId, id, data }) => {
      const sent = await door.hub.thread(threadId).send(data, { idempotencyKey: id });
      return answer(data instanceof Uint8Array ? data.toReversed() : data, sent);
    },
  });
  const pool = poolOf(door.url);
  const thread = pool.join('t');
  const got: unknown[] = [];
  const replaced: unknown[] = [];
  thread.on('message', ({ data }) => got.push(data));
  thread.on('replaced', ({ data }) => replaced.push(data));
  await expect.poll(() => thread.position).toBeDefined();
  const mine = Uint8Array.of(1, 0, 255);
  const publishing = pool.publish('t', mine, { id: 'mine' });
  mine.fill(9);
  const published = await publishing;
  expect(published.data).toEqual(Uint8Array.of(255, 0, 1));
  // the same message again
  expect(await pool.publish('t', Uint8Array.of(1, 0, 255), { id: 'mine' })).toEqual(published);
  await door.hub.thread('t').send(Uint8Array.of(2), { replaces: published.messageId });
  const empty = await pool.publish('unjoined', new Uint8Array(), { volatile: true });
  expect(empty?.data).toEqual(new Uint8Array());
  await expect.poll(() => replaced).toEqual([Uint8Array.of(2)]);
  expect(got).toEqual([Uint8Array.of(1, 0, 255)]);
  await expect(pool.publish('t', new Uint8Array(70_000))).rejects.toMatchObject({ code: 'TC_MESSAGE_TOO_LARGE' });
  await expect(pool.publish('t', new Uint8Array(1), { id: 'no id' })).rejects.toMatchObject({
    code: 'TC_INVALID_OPTION',
  });
  pool.close();
  await expect(pool.publish('t', new Uint8Array(1))).rejects.toMatchObject({ code: 'TC_CLIENT_CLOSED' });
});

it('a hub that takes no bytes is not given any', async () => {
  const { url, binary } = await greetingServer();
  await expect(poolOf(url).publish('t', Uint8Array.of(1))).rejects.toMatchObject({
    code: 'TC_PUBLISH_REFUSED',
    reason: 'unsupported',
  });
  expect(binary).toEqual([]);
});
