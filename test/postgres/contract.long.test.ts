import { afterAll, beforeAll, describe, test } from 'vitest';
import type { DeliveryLog } from '../../src/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { logContract, type VirtualClock } from '../../src/testing/index.ts';
import type { LogLimits } from '../log/log-factory.ts';
import { deliveryLogContract } from '../log/delivery-log-contract.ts';
import { PostgresServer } from '../support/postgres-server.ts';

/** Entries age by the test's leaps through time, in which a real Postgres has no time to answer. */
const PATIENT = { timeoutMs: 2 ** 31 - 1, commandTimeoutMs: 60_000, poolSize: 3 };

describe('Postgres', () => {
  let server: PostgresServer;
  let schema: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
    schema = await server.schema();
  });
  afterAll(() => server.stop());

  const make = (clock: VirtualClock, limits: LogLimits = {}): DeliveryLog =>
    postgresLog({ url: server.url, schema, clock, now: () => clock.now(), ...PATIENT, ...limits });

  deliveryLogContract(
    'postgres',
    async ({ clock, ...limits }) => {
      await server.wipe(schema);
      return make(clock, limits);
    },
    {
      remembersIds: true,
      runs: 8,
      canCrash: true,
      makePair: async (clock, otherClock) => {
        await server.wipe(schema);
        return [make(clock), make(otherClock)];
      },
    },
  );

  logContract('postgres', {
    test,
    makeNodes: async ([clock, otherClock]) => {
      await server.wipe(schema);
      return [make(clock), make(otherClock)];
    },
  });

  logContract('postgres with prepared statements', {
    test,
    makeNodes: async ([clock, otherClock]) => {
      await server.wipe(schema);
      const prepared = (of: VirtualClock): DeliveryLog =>
        postgresLog({ url: server.url, schema, clock: of, now: () => of.now(), preparedStatements: true, ...PATIENT });
      return [prepared(clock), prepared(otherClock)];
    },
  });
});
