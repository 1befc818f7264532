/**
 * What the inspector costs a server with 10,000 real connections, closed and open, silent and busy, in alternating rounds:
 * `npm run bench:inspector`, or `node bench/inspector/run.ts [--rounds 3] [--seconds 6] [--connections 10000] [--out docs/benchmarks.md]`
 * on a built package.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Crowd } from '../../test/support/crowd.ts';
import type { Measured, Order } from './orders.ts';
import { renderReport, writeReport, type Round } from './report.ts';

const CLIENTS_PER_PROCESS = 2_500;

/** For garbage and timers of the last window to be over. */
const CALM_MS = 1_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    connections: { type: 'string', default: '10000' },
    out: { type: 'string' },
  },
});
const connections = Number(values.connections);

const server = fork(new URL('./server.ts', import.meta.url), [], { execArgv: [] });
const [{ url } = { url: '' }]: { url: string }[] = await once(server, 'message');
const crowds: Crowd[] = [];
for (let left = connections; left > 0; left -= CLIENTS_PER_PROCESS) {
  crowds.push(await Crowd.start(url, Math.min(left, CLIENTS_PER_PROCESS)));
}
const rounds: Round[] = [];
for (let n = 0; n < Number(values.rounds); n++) {
  for (const messagesPerSecond of [0, 1]) {
    await tell({ order: 'talk', messagesPerSecond });
    const closed = await measure();
    const viewer = await openViewer();
    const open = await measure();
    viewer.kill();
    await tell({ order: 'close' });
    rounds.push({ messagesPerSecond, closed, open });
    console.log(JSON.stringify(rounds.at(-1)));
  }
}
await Promise.all(crowds.map((crowd) => crowd.end()));
server.disconnect();

const report = renderReport(rounds, connections);
if (values.out === undefined) console.log(report);
else writeReport(values.out, report);

async function tell(order: Order): Promise<Partial<Measured & { url: string }>> {
  server.send(order);
  const [answer]: Partial<Measured & { url: string }>[] = await once(server, 'message');
  return answer ?? {};
}

async function measure(): Promise<Measured> {
  await delay(CALM_MS);
  await tell({ order: 'begin' });
  await delay(Number(values.seconds) * 1_000);
  const { cpuShare = Number.NaN, longestBlockMs = Number.NaN, connections: held = 0 } = await tell({ order: 'end' });
  if (held !== connections) throw new Error(`${held} connections instead of ${connections}`);
  return { cpuShare, longestBlockMs, connections: held };
}

async function openViewer(): Promise<ChildProcess> {
  const { url: page = '' } = await tell({ order: 'open' });
  const viewer = fork(new URL('./viewer.ts', import.meta.url), [page], { execArgv: [] });
  await once(viewer, 'message');
  return viewer;
}
