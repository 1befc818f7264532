import { afterAll, beforeAll, describe } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { redisLog, type RedisLogOptions } from '../../src/redis/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { RedisServer, startRedisCluster } from '../support/redis-server.ts';
import { deliveryLogContract } from '../log/delivery-log-contract.ts';

let logs = 0;

/** Entries age by the test's leaps through time, in which a real Redis has no time to answer. */
const PATIENT = { timeoutMs: 1e9, commandTimeoutMs: 1e9 };

function pairOf(
  target: RedisLogOptions,
  [clock, otherClock]: readonly [VirtualClock, VirtualClock],
): readonly [DeliveryLog, DeliveryLog] {
  const prefix = `log${++logs}`;
  const make = (own: VirtualClock): DeliveryLog =>
    redisLog({ ...target, prefix, clock: own, now: () => own.now(), ...PATIENT });
  return [make(clock), make(otherClock)];
}

describe('Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  deliveryLogContract(
    'redis',
    ({ clock, ...limits }) =>
      redisLog({ url: server.url, prefix: `log${++logs}`, clock, now: () => clock.now(), ...PATIENT, ...limits }),
    {
      remembersIds: true,
      runs: 20,
      canCrash: true,
      makePair: (...clocks) => pairOf({ url: server.url }, clocks),
    },
  );
});

describe('Redis Cluster', () => {
  let servers: RedisServer[];

  beforeAll(async () => {
    servers = await startRedisCluster();
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  deliveryLogContract(
    'redis cluster',
    ({ clock, ...limits }) =>
      redisLog({
        cluster: { rootNodes: servers.map(({ url }) => ({ url })) },
        prefix: `log${++logs}`,
        clock,
        now: () => clock.now(),
        ...PATIENT,
        ...limits,
      }),
    {
      remembersIds: true,
      runs: 5,
      canCrash: true,
      makePair: (...clocks) => pairOf({ cluster: { rootNodes: servers.map(({ url }) => ({ url })) } }, clocks),
    },
  );
});
