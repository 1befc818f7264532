import { createServer } from 'node:http';
import { createHub, refuse } from 'threadcast';

export const hub = createHub();
export const server = createServer();

hub.attach(server, {
  authenticate({ url = '/' }) {
    const userId = new URL(url, 'ws://localhost').searchParams.get('user'); // your session cookie or token here
    return userId === null ? refuse(401) : { userId };
  },
  authorize: (_session, threadId) => threadId === 'lobby',
  onPublish: ({ userId }, { threadId, id, data }) =>
    hub.thread(threadId).send({ user: userId, data }, { idempotencyKey: id }),
});
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
