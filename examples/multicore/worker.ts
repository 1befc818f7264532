import cluster from 'node:cluster';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createHub, refuse } from 'threadcast';
import { createPool, relayLog } from 'threadcast/pool';
import { WebSocket } from 'ws';

// One worker of many: whatever is sent here reaches the members on all of them, because the primary has the log.

const { RELAY = '', RELAY_TOKEN = '', PORT = '0' } = process.env;
const name = `worker ${process.pid}`;

// Node's own WebSocket does not know Unix sockets
const pool = createPool({ url: RELAY, token: RELAY_TOKEN, WebSocket });
pool.on('error', (error) => console.error(name, error));
const hub = createHub({ log: relayLog({ pool }) });
hub.on('error', (error) => console.error(name, error));
hub.on('log', ({ isUp }) => console.log(name, isUp ? 'has found the primary again' : 'has lost the primary'));

const page = await readFile(new URL('../cluster/page.html', import.meta.url));
const server = createServer((request, response) => {
  if (request.url?.split('?', 1)[0] === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
  else response.writeHead(404).end();
});

hub.attach(server, {
  path: '/ws',
  authenticate({ url = '/' }) {
    const userId = new URL(url, 'ws://localhost').searchParams.get('user');
    return userId === null ? refuse(401) : { userId };
  },
  authorize: (_session, threadId) => threadId === 'lobby',
  onPublish: ({ userId }, { threadId, id, data }) =>
    hub.thread(threadId).send({ user: userId, data, by: name }, { idempotencyKey: id }),
});
// a deploy, or the end of the primary
const leave = (): void => void hub.drain({ timeoutMs: 3_000 }).then(() => process.exit(0));
process.once('SIGTERM', leave);
process.once('disconnect', leave);
// the primary has ended while this worker was still starting
cluster.worker?.once('error', () => process.exit(0));
server.listen(Number(PORT), '127.0.0.1');
