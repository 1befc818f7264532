import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { memoryLog, type DeliveryLog } from '../../src/index.ts';
import { attachRelay, createPool, relayLog } from '../../src/pool/index.ts';
import { logContract, type VirtualClock } from '../../src/testing/index.ts';
import { deliveryLogContract } from '../log/delivery-log-contract.ts';
import type { LogLimits } from '../log/log-factory.ts';

/** A relay on a Unix socket, whose log is in memory, and what makes the logs of its nodes. */
async function startRelay(clock: VirtualClock, limits: LogLimits = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'threadcast-relay-'));
  const server = createServer();
  const log = memoryLog({ clock, ...limits });
  const relay = attachRelay(server, { log, clock, authenticate: (_request, { token }) => token === 'secret' });
  server.listen(join(folder, 'log.sock'));
  await once(server, 'listening');
  onTestFinished(async () => {
    relay.close();
    server.close();
    server.closeAllConnections();
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  return (of: VirtualClock): DeliveryLog => {
    const pool = createPool({ url: `ws+unix:${folder}/log.sock:/relay`, WebSocket, token: 'secret' });
    onTestFinished(() => pool.close());
    // time leaps, and a real socket has no time to answer in a leap
    return relayLog({ pool, clock: of, timeoutMs: 2 ** 31 - 1, ...limits });
  };
}

deliveryLogContract(
  'relay',
  async ({ clock, ...limits }) => {
    const makeLog = await startRelay(clock, limits);
    return makeLog(clock);
  },
  {
    runs: 10,
    canCrash: true,
    makePair: async (clock, otherClock) => {
      const makeLog = await startRelay(clock);
      return [makeLog(clock), makeLog(otherClock)];
    },
  },
);

logContract('relay', {
  test,
  makeNodes: async ([clock, otherClock]) => {
    const makeLog = await startRelay(clock);
    return [makeLog(clock), makeLog(otherClock)];
  },
});
