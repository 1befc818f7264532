import { afterAll, beforeAll, test } from 'vitest';
import { redisLog } from '../../src/redis/index.ts';
import { logContract } from '../../src/testing/index.ts';
import { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;
let logs = 0;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.stop());

logContract('redis', {
  test,
  makeNodes: ([clock, otherClock]) => {
    const prefix = `log${++logs}`;
    // time leaps, and a real Redis has no time to answer in a leap
    const shared = { url: server.url, prefix, timeoutMs: 1e9, commandTimeoutMs: 1e9 };
    return [
      redisLog({ ...shared, clock, now: () => clock.now() }),
      redisLog({ ...shared, clock: otherClock, now: () => otherClock.now() }),
    ];
  },
});
