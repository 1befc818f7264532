import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { serve, type Door } from '../support/gateway.ts';

it('a pool in a worker thread takes part in a thread, drains, and lets the worker end', async () => {
  const door: Door = await serve({
    authorize: () => true,
    onPublish: (_, { threadId, id, data }) => door.hub.thread(threadId).send(data, { idempotencyKey: id }),
  });
  const worker = new Worker(new URL('./fixtures/pool-worker.ts', import.meta.url), { workerData: door.url });
  onTestFinished(async () => void (await worker.terminate()));
  await expect.poll(() => door.hub.thread('t').members.length).toBe(1);
  const ended = once(worker, 'exit');
  const thread = door.hub.thread('t');
  const { id } = await thread.send('ping');
  await expect
    .poll(async () => (await thread.history()).messages.map((message) => message.data))
    .toEqual(['ping', { pong: id }]);
  await thread.send('end');
  expect(await ended).toEqual([0]);
});
