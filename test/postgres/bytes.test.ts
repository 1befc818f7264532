import { expect, it, onTestFinished } from 'vitest';
import { bytesOverCuts } from '../support/bytes-over-cuts.ts';
import { startLog } from '../support/postgres-nodes.ts';
import { PostgresServer } from '../support/postgres-server.ts';

it('random bytes of all sizes and texts, over cuts and two nodes, come once, in order and equal', async () => {
  const server = await PostgresServer.start();
  onTestFinished(() => server.stop());
  const schema = await server.schema();
  expect(await bytesOverCuts([startLog({ url: server.url, schema }), startLog({ url: server.url, schema })])).toEqual(
    [],
  );
});
