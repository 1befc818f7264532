import { expect, it, onTestFinished } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import { serve, type Door } from '../support/gateway.ts';

it('the inbox of a pool at a hub: answers to each connection, and all messages to its user once, over cuts', async () => {
  const door: Door = await serve({ authenticate: () => ({ userId: 'service' }), authorize: () => true });
  const { hub } = door;
  const pool = createPool({ url: door.url, size: 3, retryDelaysMs: [5, 10], cooldownMs: 20, settleMs: 20 });
  // the hub's application closes connections: a refusal
  pool.on('error', () => {});
  onTestFinished(() => pool.close());
  const got: unknown[] = [];
  const gaps: unknown[] = [];
  pool.inbox.on('message', ({ data }) => got.push(data));
  pool.inbox.on('gap', (gap) => gaps.push(gap));
  await expect.poll(() => pool.stats.connections.open).toBe(3);
  await expect.poll(() => pool.inbox.position).toBeDefined();
  for (const connection of hub.connections) await connection.send(`to ${connection.id}`);
  const own = [...hub.connections].map(({ id }) => `to ${id}`);
  await expect.poll(() => [got.length, new Set(got)]).toEqual([3, new Set(own)]);
  got.length = 0;
  for (let n = 0; n < 40; n++) {
    await hub.user('service').send(n);
    if (n % 8 === 3) for (const connection of [...hub.connections].slice(0, 1 + (n % 3))) connection.close();
  }
  await expect.poll(() => got).toEqual(Array.from({ length: 40 }, (_, n) => n));
  expect(gaps).toEqual([]);
});
