import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryLog } from 'threadcast';
import { attachRelay } from 'threadcast/pool';
import { prove } from '../cluster/proof.ts';

// node examples/multicore/main.ts [--once]: all cores of one machine, without Redis. This process has the log, on a Unix socket; a worker for each
// core has a hub, and all of them listen on one port. With --once it plays a crash and ends.

const isOnce = process.argv.includes('--once');
const { PORT = isOnce ? '0' : '8080', WORKERS = String(Math.max(2, availableParallelism())) } = process.env;

const folder = await mkdtemp(join(tmpdir(), 'threadcast-multicore-'));
const path = join(folder, 'log.sock');
const token = crypto.randomUUID();
const log = memoryLog();
const server = createServer();
const relay = attachRelay(server, { log, authenticate: (_request, of) => of.token === token });
server.listen(path);
await once(server, 'listening');

cluster.setupPrimary({ exec: new URL('./worker.ts', import.meta.url).pathname });
const start = (): Worker => cluster.fork({ PORT, RELAY: `ws+unix:${path}:/relay`, RELAY_TOKEN: token });
let isStopping = false;
// a worker that dies is replaced: its clients come back to the others meanwhile
cluster.on('exit', () => isStopping || start());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(isOnce ? 1 : 0));

const workers = Array.from({ length: Number(WORKERS) }, start);
const listening = await Promise.all(workers.map((worker) => once(worker, 'listening')));
const port: unknown = listening[0]?.[0].port;

if (isOnce) {
  const isProven = await prove(`ws://127.0.0.1:${String(port)}/ws`, () => workers[0]?.process.kill('SIGKILL'));
  await stop(isProven ? 0 : 1);
} else {
  const ids = workers.map(({ process: { pid } }) => pid).join(', ');
  console.log(`http://127.0.0.1:${String(port)}/  is served by the workers ${ids}; try: kill -9 one`);
}

async function stop(code: number): Promise<void> {
  isStopping = true;
  await new Promise<void>((resolve) => cluster.disconnect(resolve));
  relay.close();
  server.close();
  server.closeAllConnections();
  await log.close();
  await rm(folder, { recursive: true, force: true });
  process.exit(code);
}
