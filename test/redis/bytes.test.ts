import { expect, it } from 'vitest';
import { bytesOverCuts } from '../support/bytes-over-cuts.ts';
import { startLog, startRedis } from '../support/redis-nodes.ts';

it('random bytes of all sizes and texts, over cuts and two nodes, come once, in order and equal', async () => {
  const { url } = await startRedis();
  expect(await bytesOverCuts([startLog({ url }), startLog({ url })])).toEqual([]);
});
