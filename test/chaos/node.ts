import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createHub, ThreadcastError, type DeliveryLog } from '../../src/index.ts';
import { WebSocket } from 'ws';
import { createPool, relayLog } from '../../src/pool/index.ts';
import { postgresLog } from '../../src/postgres/index.ts';
import { redisLog } from '../../src/redis/index.ts';
import { Orders } from './orders.ts';

// A hub node in a process of its own, which the tests kill: `/send`, `/order` and `/stream` are what an application's backend does.

const { LOG = 'redis', LOG_URL: url = '', LOG_SCHEMA: schema, PORT = '0', TIMEOUT_MS = '5000' } = process.env;
const { RELAY_TOKEN = 'chaos' } = process.env;
const timeoutMs = Number(TIMEOUT_MS);
const commandTimeoutMs = timeoutMs / 2.5;
const hub = createHub({ log: makeLog(LOG) });
const orders = new Orders(url, timeoutMs);
// what is wrong while the store is away is what this is about
hub.on('error', () => {});

const server = createServer((request, response) => void answer(request, response));
hub.attach(server, { path: '/ws', authorize: () => true });
server.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));
// the test that started it has ended, in whichever way
process.once('disconnect', () => process.exit(1));
process.once('SIGTERM', () => void hub.drain({ timeoutMs: 2_000 }).then(() => process.exit(0)));

/** As the `env` of a store has it. */
function makeLog(name: string): DeliveryLog {
  if (name === 'redis') return redisLog({ url, maxEntries: 1_000_000, timeoutMs, commandTimeoutMs });
  if (name === 'postgres') return postgresLog({ url, schema, timeoutMs, commandTimeoutMs });
  if (name === 'relay') {
    const pool = createPool({ url, token: RELAY_TOKEN, WebSocket });
    pool.on('error', () => {});
    return relayLog({ pool, maxEntries: 1_000_000, timeoutMs });
  }
  throw new Error(`no log is called ${name}`);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const [thread, key] = [hub.thread(searchParams.get('thread') ?? ''), searchParams.get('key') ?? ''];
  try {
    if (pathname === '/stream') await speak(thread.stream({ id: key }));
    if (pathname === '/order') await orders.place(thread, key);
    const receipt = pathname === '/send' ? await thread.send({ key }, { idempotencyKey: key }) : undefined;
    response.end(JSON.stringify({ position: receipt?.position }));
  } catch (error) {
    response.writeHead(503).end(error instanceof ThreadcastError ? error.code : String(error));
  }
}

async function speak(stream: ReturnType<ReturnType<typeof hub.thread>['stream']>): Promise<void> {
  for (let word = 0; word < 40; word++) {
    stream.append(`word${word} `);
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  await stream.end();
}
