import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createHub, refuse } from 'threadcast';
import { redisLog } from 'threadcast/redis';

// One node of many: whatever is sent here reaches the members on all of them, because the log is in Redis.

const { REDIS_URL = 'redis://127.0.0.1:6379', PORT = '0' } = process.env;
const name = `node ${process.pid}`;

const hub = createHub({ log: redisLog({ url: REDIS_URL }) });
hub.on('error', (error) => console.error(name, error));
hub.on('log', ({ isUp }) => console.log(name, isUp ? 'has found Redis again' : 'has lost Redis; connections stay'));

const page = await readFile(new URL('./page.html', import.meta.url));
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
  // the client's id is the idempotency key: what it sends again after a crash of this node is sent once
  onPublish: ({ userId }, { threadId, id, data }) =>
    hub.thread(threadId).send({ user: userId, data, by: name }, { idempotencyKey: id }),
});
server.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));

// a deploy: `bye` tells the clients to come back, spread out, and the other node goes on where they are
const leave = (): void => void hub.drain({ timeoutMs: 3_000 }).then(() => process.exit(0));
process.once('SIGTERM', leave);
// whoever has started it has died: it does not stay behind
process.once('disconnect', leave);
